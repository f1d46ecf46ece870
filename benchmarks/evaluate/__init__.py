"""`make evaluate`: how well the rules in force find what is wrong, against labels, injections and honest data."""
