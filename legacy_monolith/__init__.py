"""legacy_monolith"""
