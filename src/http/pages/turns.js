// Lets a few begin at a time: sixty players that connect at once are all late, some too late.

const AT_ONCE = 6;
// Who takes longer is no reason for the others to wait.
const LONGEST_MS = 4_000;

export class Turns {
  #waiting = new Set();
  #taken = new Set();

  // Calls begin() when it is its turn. Returns the turn; its end() gives it to the next.
  ask(begin) {
    const turn = {
      begin,
      end: () => {
        this.#waiting.delete(turn);
        clearTimeout(turn.timer);
        if (this.#taken.delete(turn)) {
          this.#next();
        }
      },
    };
    this.#waiting.add(turn);
    this.#next();
    return turn;
  }

  #next() {
    for (const turn of this.#waiting) {
      if (this.#taken.size >= AT_ONCE) {
        return;
      }
      this.#waiting.delete(turn);
      this.#taken.add(turn);
      turn.timer = setTimeout(turn.end, LONGEST_MS);
      turn.begin();
    }
  }
}
