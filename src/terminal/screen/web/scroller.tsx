import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';

export interface ScrollerProps {
  readonly label: string;
  readonly class: string;
  readonly children: ComponentChildren;
  /** Whenever this changes, the end comes into view. */
  readonly endOf?: number;
}

/** A part of the page that scrolls by itself, with the keyboard as well. */
export function Scroller({ label, class: name, children, endOf }: ScrollerProps) {
  const box = useRef<HTMLElement>(null);
  useLayoutEffect(() => {
    if (endOf !== undefined && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [endOf]);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: without it a keyboard cannot scroll here.
    <section class={`scroller ${name}`} aria-label={label} tabIndex={0} ref={box}>
      {children}
    </section>
  );
}
