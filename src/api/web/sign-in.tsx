import { useState } from 'preact/hooks';

/** Asks for a token, which stays in this tab. */
export function SignIn({ signIn }: { readonly signIn: (token: string) => void }) {
  const [token, setToken] = useState('');
  return (
    <form
      class="sign-in"
      onSubmit={(event) => {
        event.preventDefault();
        signIn(token.trim());
      }}
    >
      <h2>Who are you?</h2>
      <p>
        This service wants a token with the scope <code>read</code>, and <code>pay</code>, <code>refund</code>{' '}
        or <code>settle</code> for what is done here.
      </p>
      <label>
        Token
        <input
          required
          type="password"
          autocomplete="off"
          value={token}
          onInput={(event) => setToken(event.currentTarget.value)}
        />
      </label>
      <button type="submit" class="primary">
        Go on
      </button>
    </form>
  );
}
