// Runs a Job DSL script, strictly: a method that the table does not list, in the place where it stands, ends the run.
// groovy jobdsl.groovy SCRIPT TABLE BINDINGS; prints what the script made as JSON.
// The table gives for each method the methods of its closure, or the number of its arguments.
import groovy.json.JsonOutput
import groovy.json.JsonSlurper

class Unknown extends RuntimeException {
    Unknown(String text) { super(text) }
}

class NodeCategory {
    static Node div(Node self, String name) {
        (self.children().find { it instanceof Node && it.name() == name } ?: self.appendNode(name)) as Node
    }

    static Node leftShift(Node self, Node child) {
        self.append(child)
        self
    }
}

class Context {
    String path
    Map allowed
    List made = []

    def methodMissing(String name, Object given) {
        def arguments = given as List
        def closure = arguments && arguments[-1] instanceof Closure ? arguments.pop() as Closure : null
        if (!allowed.containsKey(name)) { throw new Unknown("unknown method ${name} in ${path}") }
        def rule = allowed[name]
        if (rule == 'xml') { return made << [name, xml(closure)] }
        def wanted = rule instanceof Map ? (rule['#'] ?: 0) : rule
        if (arguments.size() != wanted) { throw new Unknown("${path}.${name} takes ${wanted} arguments, not ${arguments.size()}") }
        if ((rule instanceof Map) != (closure != null)) { throw new Unknown("${path}.${name}: closure ${closure ? 'un' : ''}expected") }
        def inner = closure ? run(new Context(path: "${path}.${name}", allowed: rule as Map), closure) : []
        made << [name, *arguments.collect { it instanceof GString ? it.toString() : it }, *(closure ? [inner] : [])]
        return null
    }

    static List run(Context context, Closure closure) {
        closure.delegate = context
        closure.resolveStrategy = Closure.DELEGATE_FIRST
        closure.call()
        context.made
    }

    static String xml(Closure closure) {
        def root = new Node(null, 'scm')
        closure.delegate = new NodeBuilder()
        closure.resolveStrategy = Closure.DELEGATE_FIRST
        use(NodeCategory) { closure.call(root) }
        def text = new StringWriter()
        new XmlNodePrinter(new PrintWriter(text), '').print(root)
        text.toString()
    }
}

abstract class JobScript extends Script {
    static Context top

    def methodMissing(String name, Object given) { top.methodMissing(name, given) }
}

def read = { new JsonSlurper().parse(new File(it as String)) }
JobScript.top = new Context(path: 'script', allowed: read(args[1]) as Map)
def compiler = new org.codehaus.groovy.control.CompilerConfiguration(scriptBaseClass: JobScript.name)
def bindings = new Binding(read(args[2]) as Map)
new GroovyShell(this.class.classLoader, bindings, compiler).evaluate(new File(args[0]))
println JsonOutput.toJson(JobScript.top.made)
