"""News text to facts: which bases an article names, what it claims, and whose story it is."""
