import type { Health } from '../src/api.ts';

/** A health as a shape: a disc with a tick, a triangle, a square with a cross. Colour only repeats it. */
export function Mark({ health, size = 18 }: { readonly health: Health; readonly size?: number }) {
  return (
    <svg class={`mark mark-${health}`} width={size} height={size} viewBox="-10 -10 20 20" aria-hidden="true">
      <MarkShape health={health} />
    </svg>
  );
}

/** The same inside another drawing, 20 units wide. */
export function MarkShape({ health }: { readonly health: Health }) {
  if (health === 'good') {
    return (
      <>
        <circle r={9} class="mark-body" />
        <path d="M-4 0.5 -1 3.5 4.5 -3" class="mark-sign" />
      </>
    );
  }
  if (health === 'late') {
    return (
      <>
        <path d="M0 -9 9.5 8H-9.5Z" class="mark-body" stroke-linejoin="round" />
        <path d="M0 -3.5V2M0 4.8V5" class="mark-sign" />
      </>
    );
  }
  return (
    <>
      <rect x={-8.5} y={-8.5} width={17} height={17} rx={3} class="mark-body" />
      <path d="M-4 -4 4 4M4 -4 -4 4" class="mark-sign" />
    </>
  );
}
