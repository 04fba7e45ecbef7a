// Turns: of several questions that are under way, only the answer to the newest counts.

/** Return a function that begins a turn; what that returns tells whether no other turn was begun since. */
export function turns() {
  let newest = 0;
  return () => {
    newest += 1;
    const mine = newest;
    return () => mine === newest;
  };
}

/** Do something now, and again so many milliseconds after each time it was done; return a function that ends that. */
export function every(milliseconds, act) {
  let timer = null;
  let isOver = false;
  const next = async () => {
    await act();
    // Because what is asked for may come in after the view that asked for it is gone.
    if (!isOver) timer = setTimeout(next, milliseconds);
  };
  next();
  return () => {
    isOver = true;
    clearTimeout(timer);
  };
}
