import { trackingProblems } from '@tidemark/postgres';
import { findingsOf } from './find.ts';
import type { Finding } from './finding.ts';
import type { Mesh } from './mesh.ts';
import type { MeshView } from './mesh-view.ts';
import { ask } from './reached.ts';
import { readMesh } from './read-mesh.ts';

/** Looks for what is wrong with a mesh, and says how to mend it. */
export async function examineMesh(
  mesh: Mesh,
): Promise<{ readonly view: MeshView; readonly findings: readonly Finding[] }> {
  const [view, tracking, sources] = await Promise.all([
    readMesh(mesh),
    ask(mesh.answerMs * (mesh.regions.length + 1), async () => ({
      problems: (await mesh.truth(({ source }) => trackingProblems(source.db))).answer,
    })),
    Promise.all(
      mesh.regions.map(async ({ region, inspector }) => ({
        region: region.id,
        ...(await ask(2 * mesh.answerMs, async () => {
          const facts = await inspector.server();
          const beganMs = Date.now();
          const { atMs } = await inspector.server();
          return { ...facts, skewMs: atMs - (beganMs + Date.now()) / 2 };
        })),
      })),
    ),
  ]);
  return {
    view,
    findings: findingsOf({ view, sources, tracking: tracking.reachable ? tracking.problems : null }),
  };
}
