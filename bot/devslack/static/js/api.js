// Talking to the local Slack as a person.

import { toast } from "./toasts.js";

/** Do something as `me`; the answer, or null after telling the person why not. */
export async function act(name, body) {
  try {
    const response = await fetch(`/_control/${name}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    const answer = await response.json();
    if (answer.ok) return answer;
    toast(answer.error);
  } catch {
    toast("The local Slack does not answer. Is it still running?");
  }
  return null;
}

/** The whole picture of one person. */
export async function loadState(person) {
  const response = await fetch(`/_control/state?as=${encodeURIComponent(person)}`);
  if (!response.ok) throw new Error(`The state cannot be loaded (HTTP ${response.status}).`);
  return response.json();
}
