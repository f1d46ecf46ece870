"""Quality assurance 质控: how records are judged, and what is due."""
