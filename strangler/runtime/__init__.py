"""runtime composes the planes into processes: link, supervisor, worker, sockets, logs, tasks."""
