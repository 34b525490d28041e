import { z } from 'zod';
import { appRouter } from '../../src/routers/index.ts';

export interface ProcedureDescription {
  /** For example `room.join`. */
  readonly path: string;
  readonly type: 'query' | 'mutation' | 'subscription';
  /** Names of the input's fields; empty when it takes none. */
  readonly inputKeys: readonly string[];
}

/** Every procedure that there is, so that a new one is tested without being named. */
export function listProcedures(): ProcedureDescription[] {
  return Object.entries(appRouter._def.procedures).map(([path, procedure]) => {
    const { type, inputs } = (procedure as unknown as { _def: ProcedureDefinition })._def;
    const schemas = inputs.filter((schema) => schema instanceof z.ZodObject);
    return { path, type, inputKeys: [...new Set(schemas.flatMap((schema) => Object.keys(schema.shape)))] };
  });
}

/** @returns the names of the fields of one procedure's input */
export function inputKeys(path: string): readonly string[] {
  return listProcedures().find((procedure) => procedure.path === path)?.inputKeys ?? [];
}

/** What tRPC keeps of a procedure and leaves out of its public types. */
interface ProcedureDefinition {
  readonly type: ProcedureDescription['type'];
  readonly inputs: readonly unknown[];
}
