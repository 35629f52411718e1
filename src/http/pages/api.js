// Asks the gateway for JSON, with the bearer token if it wants one.
//
// The token is read out of "#token=..." in the address (which browsers send to no server), or a person
// types it. It stays in this tab.

const KEY = "token";
const TIMEOUT_MS = 5_000;

let asking = null;

takeFromAddress();

export function token() {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null; // storage is switched off
  }
}

// Rejects with a sentence that says why there is no answer.
export async function getJson(path) {
  const response = await get(path).catch(unanswered);
  if (response.status === 401 && token() !== (await askForToken())) {
    return getJson(path);
  }
  if (!response.ok) {
    const problem = await response.json().catch(() => ({}));
    throw new Error(problem.detail ?? `The gateway answered ${response.status}.`);
  }
  return response.json().catch(unanswered);
}

function unanswered(error) {
  throw new Error(error.name === "TimeoutError" ? "The gateway does not answer." : "The gateway cannot be reached.");
}

function get(path) {
  const known = token();
  return fetch(path, {
    headers: known ? { Authorization: `Bearer ${known}` } : {},
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
}

function takeFromAddress() {
  const fields = location.hash.slice(1).split("&");
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given !== null) {
    store(given);
    const rest = fields.filter((field) => !field.startsWith("token=")).join("&");
    history.replaceState(null, "", location.pathname + location.search + (rest && `#${rest}`));
  }
}

function store(value) {
  try {
    sessionStorage.setItem(KEY, value);
  } catch {
    // Then it cannot be kept.
  }
}

// A promise of the token that a person typed. One dialog at a time.
function askForToken() {
  asking ??= new Promise((resolve) => {
    const dialog = document.createElement("dialog");
    dialog.className = "token";
    dialog.innerHTML = `
      <h2 id="token-title">This gateway asks for a token</h2>
      <p>${token() ? "It did not accept the last one." : ""} Enter the one that its operator gave you.</p>
      <form method="dialog">
        <input type="password" autocomplete="current-password" aria-labelledby="token-title" required>
        <button class="plain" type="submit">Continue</button>
      </form>`;
    dialog.setAttribute("aria-labelledby", "token-title");
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    dialog.addEventListener("close", () => {
      store(dialog.querySelector("input").value);
      dialog.remove();
      asking = null;
      resolve(token());
    });
    document.body.append(dialog);
    dialog.showModal();
  });
  return asking;
}
