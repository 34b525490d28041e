export interface Notice {
  readonly id: number;
  readonly text: string;
  readonly tone: 'info' | 'good' | 'bad';
}

/** How long a notice is shown: long enough to read two lines. */
const shownForMs = 6_000;
const mostAtOnce = 3;

/** Short messages at the edge of the page. */
export function createNotices() {
  const notices = ref<Notice[]>([]);
  let lastId = 0;

  function dismiss(id: number): void {
    notices.value = notices.value.filter((notice) => notice.id !== id);
  }

  function say(text: string, tone: Notice['tone'] = 'info'): void {
    const id = (lastId += 1);
    const others = notices.value.filter((notice) => notice.text !== text);
    notices.value = [...others, { id, text, tone }].slice(-mostAtOnce);
    setTimeout(() => dismiss(id), shownForMs);
  }

  return { notices: readonly(notices), say, dismiss };
}

export type Notices = ReturnType<typeof createNotices>;
