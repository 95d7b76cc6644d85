// Opens GraphiQL in a real browser, runs the operation of its first tab, and says what it shows:
//   node graphiql.mjs URL CHROMIUM PROFILE_FOLDER [SCREENSHOT]
import { chromium } from "playwright-core";

const [url, executablePath, profile, screenshot] = process.argv.slice(2);
const say = (line) => console.log(JSON.stringify(line));

const browser = await chromium.launchPersistentContext(profile, {
  executablePath,
  headless: true,
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});
const page = await browser.newPage();
page.on("request", (request) => {
  const { origin, protocol } = new URL(request.url());
  if (protocol.startsWith("http") && origin !== new URL(url).origin) say({ foreign: request.url() });
});
// The page's policy lets it do all that it does.
page.on("console", (line) => {
  if (line.text().includes("Content Security Policy")) say({ forbidden: line.text() });
});
page.on("pageerror", (error) => say({ broken: String(error) }));

await page.goto(url);
await page.locator(".graphiql-query-editor .view-line", { hasText: "subscription" }).waitFor();
await page.getByRole("button", { name: /Execute query/ }).click();

const shown = new Set();
const response = page.locator(".graphiql-response");
while (shown.size < 3) {
  const text = (await response.innerText()).replace(/\s+/g, " ");
  const number = /"number": ?(\d+)/.exec(text)?.[1];
  if (number && !shown.has(number)) {
    shown.add(number);
    say({ number: Number(number) });
  }
  await page.waitForTimeout(20);
}
say({ tabs: await page.getByRole("tab").count() });
if (screenshot) await page.screenshot({ path: screenshot });
await browser.close();
