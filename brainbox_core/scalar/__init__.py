"""Single numbers in pure Python: no NumPy here."""
