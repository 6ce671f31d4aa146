package harness

import org.codehaus.groovy.ast.builder.AstBuilder
import org.codehaus.groovy.ast.expr.*
import org.codehaus.groovy.ast.stmt.ExpressionStatement
import org.codehaus.groovy.ast.stmt.Statement
import org.codehaus.groovy.control.CompilePhase

/** What Jenkins refuses in a declarative pipeline before it runs: written after the rules of its syntax reference. */
class Declarative {

    private static final List POST = ['always', 'changed', 'fixed', 'regression', 'aborted', 'failure', 'success', 'unstable',
        'unsuccessful', 'notBuilt', 'cleanup']
    private static final List ALL_WORK = ['steps', 'stages', 'parallel', 'matrix']
    /** What may stand in a block, each once; an empty list means: calls of any name, as plugins bring them. */
    private static final Map<String, List> PARTS = [
        pipeline: ['agent', 'stages', 'environment', 'tools', 'options', 'parameters', 'triggers', 'libraries', 'post'],
        stage: ['agent', 'environment', 'tools', 'input', 'options', 'when', 'post', 'failFast'] + ALL_WORK,
        matrix: ['axes', 'excludes', 'stages', 'agent', 'environment', 'tools', 'input', 'options', 'when', 'post'],
        axis: ['name', 'values'], excludeAxis: ['name', 'values', 'notValues'], post: POST,
        agent: [], options: [], triggers: [], tools: [], libraries: [], input: [], parameters: [],
    ]
    private static final Map<String, List> REQUIRED = [pipeline: ['agent', 'stages'], matrix: ['axes', 'stages'], axis: ['name', 'values']]
    private static final Map<String, String> LISTS = [stages: 'stage', parallel: 'stage', axes: 'axis', excludes: 'exclude', exclude: 'excludeAxis']
    private static final List PARAMETERS = ['string', 'text', 'booleanParam', 'choice', 'password', 'file', 'credentials', 'run']
    private static final List NESTED = ['not', 'allOf', 'anyOf']
    private static final List CONDITIONS = NESTED + ['branch', 'buildingTag', 'changelog', 'changeset', 'changeRequest', 'environment', 'equals',
        'expression', 'tag', 'triggeredBy', 'beforeAgent', 'beforeInput', 'beforeOptions']

    private final List<String> problems = []

    /** One line for each problem; none where the text holds no declarative pipeline. */
    static List<String> problems(String text) {
        Declarative found = new Declarative()
        List statements = new AstBuilder().buildFromString(CompilePhase.CONVERSION, false, text)[0].statements
        statements.each { Statement each ->
            MethodCallExpression call = called(each)
            if (call?.methodAsString == 'pipeline') { found.block('pipeline', call) }
        }
        return found.problems
    }

    private static MethodCallExpression called(Statement statement) {
        Expression expression = statement instanceof ExpressionStatement ? statement.expression : null
        expression instanceof MethodCallExpression && expression.implicitThis ? expression : null
    }

    private static List<Expression> arguments(MethodCallExpression call) { ((TupleExpression) call.arguments).expressions }

    private static List<Statement> body(MethodCallExpression call) {
        Expression last = arguments(call) ? arguments(call)[-1] : null
        last instanceof ClosureExpression ? last.code.statements : null
    }

    private void problem(Object at, String text) { problems << "line ${at.lineNumber}: $text".toString() }

    /** A block by the kind of what may stand in it. */
    private void block(String kind, MethodCallExpression call) {
        List<Statement> inner = body(call)
        if (inner == null) {
            alone(kind, call)
        } else if (!inner) {
            problem(call, "$kind is empty")
        } else if (LISTS[kind]) {
            items(kind, inner)
        } else {
            content(kind, inner, call)
        }
    }

    private void content(String kind, List<Statement> inner, MethodCallExpression call) {
        switch (kind) {
            case 'steps': steps(inner); break
            case 'environment': variables(inner); break
            case 'when': conditions(inner); break
            case 'parameters': named(inner, PARAMETERS, 'parameter'); break
            default: parts(kind, inner, call)
        }
    }

    private void alone(String kind, MethodCallExpression call) {
        if (kind in ['pipeline', 'stage', 'post', 'environment', 'when', 'matrix', 'parameters', 'options'] + ALL_WORK) { problem(call, "$kind needs a block") }
        List words = arguments(call)*.text
        if (kind == 'agent' && !(words in [['any'], ['none']])) { problem(call, "agent is any, none or a block, not ${words.join(' ')}") }
    }

    private void items(String kind, List<Statement> inner) {
        String item = LISTS[kind]
        String word = item == 'excludeAxis' ? 'axis' : item
        inner.each {
            MethodCallExpression call = called(it)
            if (call?.methodAsString != word) { return problem(it, "$kind takes only $word") }
            if (item == 'stage' && !(arguments(call)[0] instanceof ConstantExpression)) { problem(it, 'a stage needs a name that is a text') }
            block(item, call)
        }
    }

    private void parts(String kind, List<Statement> inner, MethodCallExpression call) {
        List known = PARTS[kind]
        List found = inner.collect { Statement each ->
            MethodCallExpression part = called(each)
            String name = part?.methodAsString
            if (name == null || (known && !(name in known))) {
                problem(each, "${name ?: each.text} is nothing that $kind takes")
            } else if (known) {
                block(kind == 'post' ? 'steps' : name, part)
            }
            name
        }
        found.countBy { it }.findAll { known && it.value > 1 }.each { problem(call, "$it.key stands twice in $kind") }
        (REQUIRED[kind] ?: []).findAll { !(it in found) }.each { problem(call, "$kind needs $it") }
        if (kind == 'stage' && found.intersect(ALL_WORK).size() != 1) { problem(call, "a stage has one of ${ALL_WORK.join(', ')}") }
    }

    /** Steps are calls: values are kept, and decisions made, in `script`. */
    private void steps(List<Statement> inner) {
        inner.each { Statement each ->
            MethodCallExpression call = called(each)
            if (call == null) { return problem(each, 'steps takes only calls of steps; all else stands in script { }') }
            List given = arguments(call)
            boolean mixed = given.any { it instanceof MapExpression } && given.any { !(it instanceof MapExpression) && !(it instanceof ClosureExpression) }
            if (mixed) { problem(each, "$call.methodAsString mixes arguments with and without names") }
            List<Statement> nested = body(call)
            if (nested != null && call.methodAsString != 'script') { steps(nested) }
        }
    }

    private void variables(List<Statement> inner) {
        inner.each { Statement each ->
            Expression set = each instanceof ExpressionStatement ? each.expression : null
            boolean assigned = set instanceof BinaryExpression && set.operation.text == '=' && set.leftExpression instanceof VariableExpression
            if (!assigned) { return problem(each, 'environment takes only NAME = value') }
            if (!isText(set.rightExpression)) { problem(each, "the value of $set.leftExpression.text is a text in quotes, or a call") }
        }
    }

    private static boolean isText(Expression value) {
        if (value instanceof BinaryExpression) { return value.operation.text == '+' && isText(value.leftExpression) && isText(value.rightExpression) }
        value instanceof GStringExpression || value instanceof MethodCallExpression || (value instanceof ConstantExpression && value.value instanceof String)
    }

    private void conditions(List<Statement> inner) {
        named(inner, CONDITIONS, 'condition')
        inner.collect { called(it) }.findAll { it?.methodAsString in NESTED }.each { conditions(body(it) ?: []) }
    }

    private void named(List<Statement> inner, List known, String what) {
        inner.findAll { !(called(it)?.methodAsString in known) }.each { problem(it, "${called(it)?.methodAsString ?: it.text} is no $what") }
    }

}
