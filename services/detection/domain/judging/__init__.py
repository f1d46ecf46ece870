"""What people found of anomalies: verdicts, and how well each rule does by them."""
