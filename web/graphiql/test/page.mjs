// GraphiQL in a browser, as somebody uses it: tabs, editors, files and the button that runs.

import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';

const screenshots = fileURLToPath(new URL('../screenshots/', import.meta.url));

/** A browser that reaches `url` and no other origin. `complaints` is what it tried, and what went wrong in it. */
export async function openBrowser(url) {
  const profile = await mkdtemp(join(tmpdir(), 'faceql-browser-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    viewport: { width: 1440, height: 900 },
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
  const complaints = [];
  await context.route(
    (address) => address.protocol !== 'blob:' && address.protocol !== 'data:' && address.origin !== url,
    (route) => {
      complaints.push(`another origin: ${route.request().url()}`);
      return route.abort();
    },
  );
  const listen = (page) => {
    page.on('pageerror', (error) => complaints.push(`page error: ${error.message}`));
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(`console: ${message.text()}`);
    });
    page.on('websocket', (socket) => {
      if (new URL(socket.url()).host !== new URL(url).host) complaints.push(`another origin: ${socket.url()}`);
    });
  };
  context.pages().forEach(listen);
  context.on('page', listen);
  const close = async () => {
    await context.close();
    await rm(profile, { recursive: true, force: true });
  };
  const open = async () => GraphiqlPage.open(await context.newPage(), url);
  return { complaints, open, close };
}

/** GraphiQL in one window. */
export class GraphiqlPage {
  constructor(page) {
    this.page = page;
  }

  /** Opens it, and waits until it has read the schema. */
  static async open(page, url) {
    const read = page.waitForResponse((response) => response.url() === `${url}/graphql`);
    await page.goto(`${url}/`);
    await page.locator('.graphiql-query-editor .view-line').first().waitFor();
    await read;
    return new GraphiqlPage(page);
  }

  async tab(name) {
    await this.page.getByTitle(name, { exact: true }).click();
    await this.page.locator('.files .operations').getByText(name).waitFor();
  }

  /** Writes the variables anew. */
  variables(variables) {
    return this.write('Variables', 'variables', variables);
  }

  /** Writes the headers anew. */
  headers(headers) {
    return this.write('Headers', 'request-headers', headers);
  }

  /** Changes some of the variables that are there. */
  async change(changes) {
    const text = await this.text('variables', () => true);
    await this.variables({ ...JSON.parse(text), ...changes });
  }

  async write(tool, editor, value) {
    await this.page.getByRole('button', { name: tool, exact: true }).click();
    // Typed by key, the editor would close every bracket once more.
    const write = ([name, text]) =>
      globalThis.__MONACO.editor.getModels().find((model) => model.uri.path.includes(name)).setValue(text);
    await this.page.evaluate(write, [editor, JSON.stringify(value, null, 2)]);
  }

  /** Chooses a file for a variable. */
  choose(variable, path) {
    return this.page.getByLabel(`File for $${variable}`).setInputFiles(path);
  }

  /** Runs the tab's operation, by name where it has several. */
  async run(operation) {
    await this.page.locator('.graphiql-execute-button').click();
    if (operation) await this.page.getByRole('menuitem', { name: operation, exact: true }).click();
  }

  /** Runs the tab's subscription; returns once it is on its way to the server. */
  async subscribe() {
    const isSent = new Promise((resolve) => {
      this.page.once('websocket', (socket) =>
        socket.on('framesent', ({ payload }) => JSON.parse(payload).type === 'subscribe' && resolve()),
      );
    });
    await this.run();
    await isSent;
  }

  /** The response, once it is what `holds` says of its text. */
  async response(holds = (text) => text.trim() !== '') {
    return JSON.parse(await this.text('response', holds));
  }

  /** Runs, and takes the data. */
  async data(operation) {
    await this.run(operation);
    const response = await this.response();
    if (response.errors) throw new Error(JSON.stringify(response.errors));
    return response.data;
  }

  /** The text of an editor, once `holds` says so of it. */
  async text(editor, holds) {
    const read = (name) => {
      const models = globalThis.__MONACO?.editor.getModels() ?? [];
      return models.find((model) => model.uri.path.includes(name))?.getValue() ?? '';
    };
    let text = '';
    for (let attempt = 0; attempt < 600; attempt++) {
      text = await this.page.evaluate(read, editor);
      if (holds(text)) return text;
      await pause(50);
    }
    throw new Error(`the ${editor} editor still says: ${text}`);
  }

  async screenshot(name) {
    await mkdir(screenshots, { recursive: true });
    await this.page.screenshot({ path: join(screenshots, `${name}.png`) });
  }
}
