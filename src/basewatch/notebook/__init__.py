"""What Python code and notebooks see of a warehouse: `door` gives tables, `plots` charts."""
