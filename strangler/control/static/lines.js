// The lines of a file in a text field. A field ends every line with \n, so how the file ends each is kept beside it.

const ENDS = /\r\n|\r|\n/g;

/** Return the text as a field holds it, and functions that follow its edits and give the file's own text back. */
export function linesOf(file) {
  let ends = file.match(ENDS) ?? [];
  let shown = file.replace(ENDS, "\n");
  const usual = most(ends);
  const isMixed = ends.some((end) => end !== usual);

  /** Follow one edit: lines that it did not touch end as they did, and new ones as the line before them. */
  function follow(now) {
    if (!isMixed || now === shown) return;
    const room = Math.min(shown.length, now.length);
    let head = 0;
    while (head < room && shown.charCodeAt(head) === now.charCodeAt(head)) head += 1;
    let tail = 0;
    while (tail < room - head && shown.charCodeAt(shown.length - 1 - tail) === now.charCodeAt(now.length - 1 - tail)) tail += 1;
    const first = breaks(shown.slice(0, head));
    const gone = breaks(shown.slice(head, shown.length - tail));
    const come = breaks(now.slice(head, now.length - tail));
    ends = [...ends.slice(0, first), ...Array(come).fill(ends[first - 1] ?? usual), ...ends.slice(first + gone)];
    shown = now;
  }

  /** Return what is in the field as the file has it. */
  function whole(now) {
    follow(now);
    if (!isMixed) return usual === "\n" ? now : now.replaceAll("\n", usual);
    return now.split("\n").map((line, index) => line + (ends[index] ?? "")).join("");
  }
  return { text: shown, follow, whole };
}

/** How many lines end in a text. */
export function breaks(text) {
  let found = 0;
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) found += 1;
  return found;
}

function most(ends) {
  const count = (end) => ends.reduce((sum, one) => sum + (one === end), 0);
  return ["\n", "\r\n", "\r"].reduce((best, end) => (count(end) > count(best) ? end : best));
}
