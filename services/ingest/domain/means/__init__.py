"""Means 均值: rules of validity as data, minute → hour → day → month, conversions, substitution, periods."""
