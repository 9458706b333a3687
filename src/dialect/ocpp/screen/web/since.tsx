import { useEffect, useState } from 'preact/hooks';

/** How long ago a time was, as it goes on. */
export function Since({ time }: { readonly time: string }) {
  const [nowMs, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  const seconds = Math.max(0, Math.floor((nowMs - Date.parse(time)) / 1000));
  const two = (number: number) => String(number).padStart(2, '0');
  const hours = Math.floor(seconds / 3600);
  return (
    <time dateTime={time}>
      {hours > 0 ? `${hours}:` : ''}
      {two(Math.floor(seconds / 60) % 60)}:{two(seconds % 60)}
    </time>
  );
}
