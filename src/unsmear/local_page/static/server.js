// What the page asks of the server, and how it learns of changes.

const PAUSE = 150; // milliseconds between two questions
const AGAIN = 1500; // milliseconds until a server that does not answer is asked again

/** Ask for JSON; throws an Error with the server's sentence. */
export async function ask(address, options = {}) {
  const answer = await fetch(address, options);
  if (answer.headers.get("content-type")?.includes("json")) {
    const values = await answer.json();
    if (answer.ok) return values;
    throw new Error(values.error);
  }
  throw Object.assign(new Error((await answer.text()).trim()), { status: answer.status });
}

/** Send JSON. */
export function tell(address, values = {}) {
  const headers = { "Content-Type": "application/json" };
  return ask(address, { method: "POST", headers, body: JSON.stringify(values) });
}

const rest = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

/** Call `changed` with what changes, for ever, and `lost` with a sentence while nobody answers. */
export async function watch(changed, lost) {
  let [since, session] = [0, null];
  for (;;) {
    try {
      const news = await ask(`/images?since=${since}`);
      if (session && news.session !== session) return location.reload();
      [since, session] = [news.change, news.session];
      lost("");
      changed(news);
      await rest(PAUSE);
    } catch (error) {
      lost(error.status === 403
        ? "The program was started anew. Open the address that it printed in the terminal; this page then goes on."
        : "The program does not answer. If it was closed, start it again with “unsmear open”. This page keeps trying.");
      await rest(AGAIN);
    }
  }
}
