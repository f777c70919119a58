/**
 * A TypeScript transformer that writes module-level numeric constants (`const IP_TTL = 8`, `1 << TICK_BITS`, `~MASK`) into
 * the code as numbers, wherever they are used, also across modules.
 *
 * V8 folds a constant of the same module, but one that was imported is a variable to it: each use loads the module's
 * cell and checks the type, and a shift by it is a shift by an unknown. The plane's code consists of such constants;
 * without this its packets take 1.4 times as long (native-free-bench, "pipeline").
 */
import ts from "typescript";

const { SyntaxKind } = ts;

/** @type {Partial<Record<import("typescript").SyntaxKind, (a: number, b: number) => number>>} */
const OPERATORS = {
  [SyntaxKind.PlusToken]: (a, b) => a + b,
  [SyntaxKind.MinusToken]: (a, b) => a - b,
  [SyntaxKind.AsteriskToken]: (a, b) => a * b,
  [SyntaxKind.SlashToken]: (a, b) => a / b,
  [SyntaxKind.AsteriskAsteriskToken]: (a, b) => a ** b,
  [SyntaxKind.BarToken]: (a, b) => a | b,
  [SyntaxKind.AmpersandToken]: (a, b) => a & b,
  [SyntaxKind.CaretToken]: (a, b) => a ^ b,
  [SyntaxKind.LessThanLessThanToken]: (a, b) => a << b,
  [SyntaxKind.GreaterThanGreaterThanToken]: (a, b) => a >> b,
  [SyntaxKind.GreaterThanGreaterThanGreaterThanToken]: (a, b) => a >>> b,
};

/**
 * @param {import("typescript").Program} program
 * @returns {import("typescript").TransformerFactory<import("typescript").SourceFile>} for emit()'s `before`
 */
export function inlineConstants(program) {
  const checker = program.getTypeChecker();
  /** @type {Map<import("typescript").Symbol, number | undefined>} */
  const values = new Map();

  /** @param {import("typescript").Identifier} name */
  function constantOf(name) {
    const found = checker.getSymbolAtLocation(name);
    if (found === undefined) return undefined;
    const symbol = (found.flags & ts.SymbolFlags.Alias) !== 0 ? checker.getAliasedSymbol(found) : found;
    if (!values.has(symbol)) {
      // Before the initializer is looked at: one that names itself has no value.
      values.set(symbol, undefined);
      const initializer = constantInitializer(symbol.valueDeclaration);
      if (initializer !== undefined) values.set(symbol, evaluate(initializer));
    }
    return values.get(symbol);
  }

  /** @param {import("typescript").Expression} e @returns {number | undefined} */
  function evaluate(e) {
    if (ts.isNumericLiteral(e)) return Number(e.text);
    if (ts.isIdentifier(e)) return constantOf(e);
    if (ts.isParenthesizedExpression(e) || ts.isAsExpression(e) || ts.isSatisfiesExpression(e))
      return evaluate(e.expression);
    if (ts.isPrefixUnaryExpression(e)) {
      const v = evaluate(e.operand);
      if (v === undefined) return undefined;
      if (e.operator === SyntaxKind.MinusToken) return -v;
      return e.operator === SyntaxKind.TildeToken ? ~v : undefined;
    }
    if (!ts.isBinaryExpression(e)) return undefined;
    const operator = OPERATORS[e.operatorToken.kind];
    if (operator === undefined) return undefined;
    const left = evaluate(e.left);
    const right = evaluate(e.right);
    return left === undefined || right === undefined ? undefined : operator(left, right);
  }

  return (context) => {
    /** @param {import("typescript").Node} node @returns {import("typescript").Node} */
    const visit = (node) => {
      if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node) || ts.isTypeNode(node)) return node;
      if (ts.isIdentifier(node) && isRead(node)) {
        const value = constantOf(node);
        if (value !== undefined && Number.isFinite(value) && !Object.is(value, -0)) return literal(value, node.text);
      }
      return ts.visitEachChild(node, visit, context);
    };
    return (file) => /** @type {import("typescript").SourceFile} */ (ts.visitNode(file, visit));
  };
}

/**
 * The initializer of `const NAME = ...` at the top of a module.
 * @param {import("typescript").Declaration | undefined} d
 */
function constantInitializer(d) {
  if (d === undefined || !ts.isVariableDeclaration(d) || !ts.isVariableDeclarationList(d.parent)) return undefined;
  const isConst = (d.parent.flags & ts.NodeFlags.Const) !== 0;
  return isConst && ts.isSourceFile(d.parent.parent.parent) ? d.initializer : undefined;
}

/**
 * Whether a name is read where it stands, and is not the name of something.
 * @param {import("typescript").Identifier} name
 */
function isRead(name) {
  const { parent } = name;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === name;
  if (ts.isVariableDeclaration(parent) || ts.isParameter(parent) || ts.isBindingElement(parent))
    return parent.initializer === name;
  if (ts.isPropertyAssignment(parent) || ts.isPropertyDeclaration(parent)) return parent.initializer === name;
  return (
    ts.isExpression(parent) || ts.isStatement(parent) || ts.isComputedPropertyName(parent) || ts.isCaseClause(parent)
  );
}

/** @param {number} value @param {string} name the constant's, for people who read the output */
function literal(value, name) {
  const { factory } = ts;
  const digits = factory.createNumericLiteral(String(Math.abs(value)));
  const minus = () => factory.createPrefixUnaryExpression(SyntaxKind.MinusToken, digits);
  const node = value < 0 ? factory.createParenthesizedExpression(minus()) : digits;
  return ts.addSyntheticTrailingComment(node, SyntaxKind.MultiLineCommentTrivia, ` ${name} `);
}
