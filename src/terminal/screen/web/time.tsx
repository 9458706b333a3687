/** The time of day on this machine, to the second; the whole of it for programs and on hovering. */
export function Time({ of }: { of: string }) {
  return (
    <time dateTime={of} title={of}>
      {new Date(of).toLocaleTimeString('en-GB')}
    </time>
  );
}
