"""What is shipped beside the code fits the code; there is no container engine or systemd here to run it."""
