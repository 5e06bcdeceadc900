import { relative, sep } from 'node:path';
import { forbidden } from './import-table.ts';

/** The part of the ESLint interface that the rule uses. */
interface Node {
  readonly type: string;
  readonly importKind?: string;
  readonly exportKind?: string;
  readonly source?: { readonly value?: unknown } | null;
}
interface Context {
  readonly cwd: string;
  readonly filename: string;
  report(problem: { node: Node; message: string }): void;
}

const importTable = {
  create(context: Context) {
    const file = relative(context.cwd, context.filename).split(sep).join('/');
    const check = (node: Node): void => {
      const specifier = node.source?.value;
      if (typeof specifier !== 'string') return;
      const typeOnly =
        node.importKind === 'type' || node.exportKind === 'type' || node.type === 'TSImportType';
      const message = forbidden(file, specifier, typeOnly);
      if (message !== null) context.report({ node, message });
    };
    return {
      ImportDeclaration: check,
      ExportNamedDeclaration: check,
      ExportAllDeclaration: check,
      ImportExpression: check,
      TSImportType: check,
    };
  },
};

// The linter asks for a default export.
export default { meta: { name: 'house' }, rules: { 'import-table': importTable } };
