import { actionsOf, COMMANDS, type CommandName } from '../../src/cli/commands.ts';
import { DIALECTS } from '../../src/dialect/registry.ts';
import { NAMES, type Row, rowsOf } from './rows.ts';

/**
 * Completion for bash. It needs nothing but bash 4: words are cut at spaces, because bash itself also cuts at the
 * colons of endpoints, and candidates lose what stands before the last of these.
 */
export function completion(): string {
  const named = NAMES.filter((name) => name !== 'bridge');
  return `# Completion of posbridge for bash, made from its table of options.

_posbridge() {
  local line=\${COMP_LINE:0:COMP_POINT} words current previous command=bridge options= actions= values= before=
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=('')
  current=\${words[-1]} previous=\${words[-2]}
  if [[ $current == --*=* ]]; then
    previous=\${current%%=*} before=$previous= current=\${current#*=}
  fi
  local word
  case \${words[1]} in
    ${named.join(' | ')}) command=\${words[1]} ;;
  esac
  [[ $command == bridge && \${#words[@]} -eq 2 ]] && actions='${named.join(' ')} help'
  case $command in
${NAMES.map(branch).join('\n')}
  esac
  if [[ -n $values ]]; then
    _posbridge_values
  elif [[ $current == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
  else
    mapfile -t COMPREPLY < <(compgen -W "$actions" -- "$current")
  fi
  _posbridge_cut
}

# A value: files, folders, the forms of endpoints with paths behind unix: and the like, or one of several words.
_posbridge_values() {
  case $values in
    nothing) ;;
    file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
    folder) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$current") ;;
    endpoint:*)
      if [[ $current == *:/* ]]; then
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -P "\${current%%:/*}:" -- "\${current#*:}")
      else
        compopt -o nospace 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -W "\${values#endpoint:}" -- "$current")
      fi ;;
    *) mapfile -t COMPREPLY < <(compgen -W "$values" -- "$current") ;;
  esac
}

# What bash takes for the word is what stands behind the last colon or equals sign.
_posbridge_cut() {
  local at whole=$before$current
  for at in "\${!COMPREPLY[@]}"; do
    COMPREPLY[at]=$before\${COMPREPLY[at]}
    [[ $COMP_WORDBREAKS == *:* && $whole == *:* ]] && COMPREPLY[at]=\${COMPREPLY[at]#"\${whole%:*}:"}
    [[ $COMP_WORDBREAKS == *=* && $whole == *=* && $whole != *:* ]] && COMPREPLY[at]=\${COMPREPLY[at]#"\${whole%=*}="}
  done
}

complete -F _posbridge posbridge
`;
}

function branch(command: CommandName): string {
  const rows = rowsOf(command);
  const options = rows.flatMap(({ forms }) => forms).join(' ');
  const actions = actionsOf(command).map(({ form }) => form.split(' ')[0]);
  const cases = new Map<string, string[]>();
  for (const row of rows) {
    const values = valuesOf(row, command);
    if (values !== undefined) cases.set(values, [...(cases.get(values) ?? []), `--${row.name}`]);
  }
  const lines = [...cases].map(([values, names]) => `        ${names.join(' | ')}) values='${values}' ;;`);
  return [
    `    ${command})`,
    `      options='${options}'`,
    ...(actions.length > 0 ? [`      [[ \${#words[@]} -eq 3 ]] && actions='${actions.join(' ')}'`] : []),
    '      case $previous in',
    ...lines,
    '      esac ;;',
  ].join('\n');
}

/** What a value may be, as `_posbridge_values` takes it; undefined for a flag. */
function valuesOf({ name, value }: Row, command: CommandName): string | undefined {
  if (value === undefined) return undefined;
  if (name === 'dialect') return DIALECTS.map((dialect) => dialect.name).join(' ');
  if (value === 'FILE' || value.endsWith('|FILE') || value === 'PATH|none') return 'file';
  if (value?.split('|')[0] === 'DIR') return 'folder';
  if (value.endsWith('ENDPOINT'))
    return `endpoint:${[...new Set(COMMANDS[command].endpoints.map(beginning))].join(' ')}`;
  if (/^[a-z|-]+$/.test(value) && value.includes('|')) return value.replaceAll('|', ' ');
  return 'nothing';
}

/** What of an endpoint's form can be completed: `unix:` of `unix:PATH`, `ws://` of `ws://HOST:PORT/PATH`. */
function beginning(form: string): string {
  const [, kind = form] = /^([a-z]+:(?:\/\/)?@?)/.exec(form) ?? [];
  return kind === form && form.includes('DIALECT') ? 'jsonpos+' : kind;
}
