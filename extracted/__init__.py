"""extracted"""
