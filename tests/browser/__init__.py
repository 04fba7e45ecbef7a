"""The dashboard in a real browser: what a person does, and what they see."""
