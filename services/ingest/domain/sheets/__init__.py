"""Tables people send: XLSX and CSV, read with suspicion, their columns by Chinese or English name."""
