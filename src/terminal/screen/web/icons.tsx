import type { ComponentChildren } from 'preact';

/** Drawings beside words: hidden from screen readers, which read the words. */
function Icon({ children, size = 24 }: { children: ComponentChildren; size?: number }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" width={size} height={size} aria-hidden="true" focusable="false">
      {children}
    </svg>
  );
}

export function ContactlessIcon({ size = 24 }: { size?: number }) {
  return (
    <Icon size={size}>
      <g fill="none" stroke="currentColor" stroke-width="2.2" stroke-linecap="round">
        <path class="wave" d="M6 9.5a5 5 0 0 1 0 5" />
        <path class="wave" d="M9.5 7.2a9 9 0 0 1 0 9.6" />
        <path class="wave" d="M13 5a13 13 0 0 1 0 14" />
        <path class="wave" d="M16.5 2.8a17 17 0 0 1 0 18.4" />
      </g>
    </Icon>
  );
}

export function ChipIcon({ size = 24 }: { size?: number }) {
  return (
    <Icon size={size}>
      <rect x="3" y="5" width="18" height="14" rx="3" fill="currentColor" opacity="0.25" />
      <g fill="none" stroke="currentColor" stroke-width="1.6">
        <rect x="3" y="5" width="18" height="14" rx="3" />
        <path d="M3 10h5v4H3M21 10h-5v4h5M8 5v14M16 5v14" />
      </g>
    </Icon>
  );
}

export function CheckIcon({ size = 24 }: { size?: number }) {
  return (
    <Icon size={size}>
      <path d="M5 12.5l4.5 4.5L19 7.5" {...stroke} />
    </Icon>
  );
}

export function CrossIcon({ size = 24 }: { size?: number }) {
  return (
    <Icon size={size}>
      <path d="M6.5 6.5l11 11M17.5 6.5l-11 11" {...stroke} />
    </Icon>
  );
}

export function MinusIcon({ size = 24 }: { size?: number }) {
  return (
    <Icon size={size}>
      <path d="M6 12h12" {...stroke} />
    </Icon>
  );
}

export function BackIcon({ size = 24 }: { size?: number }) {
  return (
    <Icon size={size}>
      <path d="M14.5 6l-6 6 6 6" {...stroke} />
    </Icon>
  );
}

export function RingIcon({ size = 24 }: { size?: number }) {
  return (
    <Icon size={size}>
      <circle cx="12" cy="12" r="6.5" {...stroke} />
    </Icon>
  );
}

const stroke = {
  fill: 'none',
  stroke: 'currentColor',
  'stroke-width': 3,
  'stroke-linecap': 'round',
  'stroke-linejoin': 'round',
} as const;
