import type { Page } from 'playwright-core';

/** Roles of what can be operated. */
const operable = new Set(['button', 'link', 'textbox', 'combobox', 'radio', 'checkbox', 'spinbutton', 'listbox']);
/** The least size of a target, CSS px: WCAG 2.2, 2.5.8. */
const leastTarget = 24;

/** One thing on the page that can be operated, as assistive technology is told of it. */
export interface Control {
  readonly role: string;
  readonly name: string;
}

/** Every operable thing on the page, by the browser's own accessibility tree. */
export async function listControls(page: Page): Promise<Control[]> {
  const devTools = await page.context().newCDPSession(page);
  try {
    const { nodes } = await devTools.send('Accessibility.getFullAXTree');
    return nodes
      .filter(({ ignored }) => !ignored)
      .map(({ role, name }) => ({ role: String(role?.value), name: String(name?.value ?? '').trim() }))
      .filter(({ role }) => operable.has(role));
  } finally {
    await devTools.detach();
  }
}

/**
 * `data-testid`s (or labels) of the visible controls that are too small to hit with a finger. Radio buttons are hit by
 * their labels.
 */
export async function findSmallTargets(page: Page): Promise<string[]> {
  const controls = page.locator('button:visible, select:visible, input:not([type=radio]):visible');
  // In one go: a notice may go while it is looked at.
  const sizes = await controls.evaluateAll((elements) =>
    elements.map((element) => {
      const { width, height } = element.getBoundingClientRect();
      const name = element.getAttribute('data-testid') ?? element.getAttribute('aria-label') ?? 'unnamed';
      return { name, width, height };
    }),
  );
  return sizes.flatMap(({ name, width, height }) => (width >= leastTarget && height >= leastTarget ? [] : [name]));
}

/** Whether the page is wider than its window, so that it could be scrolled sideways. */
export function scrollsSideways(page: Page): Promise<boolean> {
  return page.evaluate<boolean>('document.scrollingElement.scrollWidth > Math.min(innerWidth, screen.width)');
}

/** Which of the controls are not wholly inside the window. */
export async function findOutOfView(page: Page, testIds: readonly string[]): Promise<string[]> {
  const { width, height } = page.viewportSize() ?? { width: 0, height: 0 };
  const missing: string[] = [];
  for (const testId of testIds) {
    const box = await page.getByTestId(testId).boundingBox();
    const isInside =
      box !== null && box.x >= 0 && box.y >= 0 && box.x + box.width <= width && box.y + box.height <= height;
    if (!isInside) missing.push(testId);
  }
  return missing;
}

/**
 * Presses Tab until a control has the focus.
 *
 * @throws Error when the keyboard does not get there
 */
export async function tabTo(page: Page, testId: string): Promise<void> {
  /** More than a room of 30 seats has. */
  const most = 80;
  for (let presses = 0; presses < most; presses += 1) {
    await page.keyboard.press('Tab');
    if ((await page.evaluate<string | null>("document.activeElement?.getAttribute('data-testid')")) === testId) return;
  }
  throw new Error(`The keyboard does not reach ${testId}`);
}
