"""What the documents say agrees with what there is."""
