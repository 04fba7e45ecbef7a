"""Payments: made once, kept, and listed as transactions."""
