"""The demo: starts the stand-in monolith, the extracted services and the proxy, sends them traffic, and shows it.

`__main__` → running (the order of things) → ports, children, traffic, screen; visits are what the traffic does,
summary is what the screen shows, admin is the proxy as an operator reaches it. It knows the proxy over HTTP alone.
"""
