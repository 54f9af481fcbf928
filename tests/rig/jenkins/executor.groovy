// Runs a declarative Jenkinsfile as a Jenkins controller and its agent would, far enough to hold it to
// its word: the whole file is read strictly before anything runs, `sh` steps really run, credentials
// are bound and masked, timeouts kill, artifacts are copied. What it cannot show is in docs/jenkins.md.
//
//     groovy -cp FOLDER executor.groovy JENKINSFILE BUILD.json REPORT.json
//
// The console is standard output. The steps are in Steps.groovy.

import groovy.json.JsonOutput
import groovy.json.JsonSlurper
import java.nio.file.Files
import java.nio.file.Path
import java.util.concurrent.TimeUnit
import org.codehaus.groovy.control.CompilerConfiguration

class Refused extends RuntimeException { Refused(String what) { super(what) } }  // before anything ran
class StepFailed extends RuntimeException { StepFailed(String what) { super(what) } }
class Aborted extends RuntimeException { Aborted(String what) { super(what) } }

// ---- the build -------------------------------------------------------------------------------------

class Build {
    static final ORDER = ['SUCCESS', 'UNSTABLE', 'FAILURE', 'NOT_BUILT', 'ABORTED']
    Map given, credentials
    Map params = [:], declared = [:], assigned = [:]
    LinkedList<Map> overlays = []
    LinkedList<Long> deadlines = []
    Set<String> masked = []
    String result = 'SUCCESS', stage = ''
    Map report = [stages: [], artifacts: [:], tests: [:], credentials: [], inputs: [], errors: []]
    Path workspace, scratch, archive
    File raw  // what the console would hold without masking
    Script script
    Steps steps
    Pipeline pipeline
    int scripts = 0

    Build(Map given) {
        this.given = given
        credentials = given.credentials
        params.putAll(given.params)
        raw = new File(given.raw ?: '/dev/null')
        workspace = Path.of(given.workspace)
        scratch = Path.of(given.workspace + '@tmp')
        archive = Path.of(given.archive)
        [workspace, scratch, archive].each { Files.createDirectories(it) }
    }

    // `environment` blocks and withEnv win over what was assigned to `env`, as in Jenkins.
    Map environment() {
        def own = [WORKSPACE: workspace.toString(), WORKSPACE_TMP: scratch.toString(), STAGE_NAME: stage]
        def all = given.agent + given.environment + own + params.collectEntries { k, v -> [k, v.toString()] }
        all += assigned + declared
        overlays.each { all += it }
        return all.findAll { it.value != null }
    }

    void say(Object text) {
        String line = text
        raw << line + '\n'
        masked.findAll().sort { -it.size() }.each { line = line.replace(it, '****') }
        println line
    }

    void worsen(String to) { if (ORDER.indexOf(to) > ORDER.indexOf(result)) { result = to } }

    void fail(Throwable error) {
        worsen(error instanceof Aborted ? 'ABORTED' : 'FAILURE')
        report.errors << [stage: stage, what: "${error.message}".toString()]
        say((error instanceof Aborted ? '' : 'ERROR: ') + error.message)
    }

    def within(Map timeout, Closure body) {
        if (timeout == null) { return body() }
        def unit = TimeUnit.valueOf(timeout.unit ?: 'MINUTES')
        deadlines.addLast(System.currentTimeMillis() + unit.toMillis(timeout.time as long))
        try { return body() } finally { deadlines.removeLast() }
    }

    def with(Map overlay, Closure body) {
        overlays.addLast(overlay)
        try { return body() } finally { overlays.removeLast() }
    }

    int execute(List<String> argv, Closure hear) {
        def builder = new ProcessBuilder(argv).directory(workspace.toFile()).redirectErrorStream(true)
        builder.redirectInput(new File('/dev/null'))
        builder.environment().with { clear(); putAll(this.environment()) }
        def process = builder.start()
        def reader = Thread.start { process.inputStream.eachLine('UTF-8') { hear(it) } }
        def left = (deadlines.min() ?: Long.MAX_VALUE) - System.currentTimeMillis()
        if (!process.waitFor(left, TimeUnit.MILLISECONDS)) {
            def all = process.toHandle().descendants().toArray().toList() + process.toHandle()
            all.each { it.destroyForcibly() }
            reader.join(5000)
            throw new Aborted('Timeout has been exceeded')
        }
        reader.join(5000)
        return process.exitValue()
    }
}

class Env {
    private final Build build
    Env(Build build) { this.@build = build }
    def getProperty(String name) { return this.@build.environment()[name] }
    void setProperty(String name, value) { this.@build.assigned[name] = value?.toString() }
}

class CurrentBuild {
    private final Build build
    CurrentBuild(Build build) { this.@build = build }
    String getCurrentResult() { return this.@build.result }
    String getResult() { return this.@build.result }
    int getNumber() { return this.@build.given.environment.BUILD_NUMBER as int }
    List getBuildCauses(String type = null) {
        return this.@build.given.causes.findAll { type == null || it._class == type }
    }
}

// ---- what a file may say ---------------------------------------------------------------------------

class Section {
    Build build
    Set<String> said = []
    Section(Build build) { this.build = build }
    void once(String name) { if (!said.add(name)) { throw new Refused("'${name}' twice in ${title}") } }
    String getTitle() { return getClass().simpleName.toLowerCase() }
    void only(Map given, String step, List required, List optional = []) {
        def missing = required - given.keySet(), unknown = given.keySet() - required - optional
        if (missing || unknown) { throw new Refused("${step}: missing ${missing}, unknown ${unknown}") }
    }
    static ask(Closure body, Object of, Object... arguments) {
        body.delegate = of
        body.resolveStrategy = Closure.DELEGATE_ONLY
        return body.call(*arguments)
    }
    static <T> T read(Closure body, T into) {
        ask(body, into)
        return into
    }
    def methodMissing(String name, arguments) { throw new Refused("unknown directive '${name}' in ${title}") }
    def propertyMissing(String name) { return build.script.binding.getVariable(name) }
}

class Agent extends Section {
    Agent(Build build) { super(build) }
    void label(String name) { once('label') }
}

class Options extends Section {
    Map limit
    Options(Build build) { super(build) }
    void timeout(Map given) { once('timeout'); only(given, 'timeout', ['time'], ['unit', 'activity']); limit = given }
    void disableConcurrentBuilds(Map given = [:]) { once('disableConcurrentBuilds'); only(given, 'it', [], ['abortPrevious']) }
    void buildDiscarder(Map strategy) { once('buildDiscarder') }
    void skipDefaultCheckout(boolean skip = true) { once('skipDefaultCheckout') }
    Map logRotator(Map given) {
        only(given, 'logRotator', [], ['numToKeepStr', 'daysToKeepStr', 'artifactNumToKeepStr', 'artifactDaysToKeepStr'])
        return given
    }
}

class Triggers extends Section {
    Triggers(Build build) { super(build) }
    void githubPush() { once('githubPush') }
}

class Parameters extends Section {
    Parameters(Build build) { super(build) }
    void choice(Map given) {
        only(given, 'choice', ['name', 'choices'], ['description'])
        offer(given.name, given.choices[0], given.choices)
    }
    void string(Map given) {
        only(given, 'string', ['name'], ['defaultValue', 'description', 'trim'])
        offer(given.name, given.defaultValue ?: '', null)
    }
    void booleanParam(Map given) {
        only(given, 'booleanParam', ['name'], ['defaultValue', 'description'])
        offer(given.name, given.defaultValue ?: false, [true, false])
    }
    private void offer(String name, value, List choices) {
        once(name)
        def chosen = build.given.params.containsKey(name) ? build.given.params[name] : value
        if (choices && !(chosen in choices)) { throw new Refused("parameter ${name}: ${chosen} is none of ${choices}") }
        build.params[name] = chosen
    }
}

class Environment extends Section {
    Map made = [:]
    Environment(Build build) { super(build) }
    def credentials(String id) { throw new Refused('credentials() binds for all stages: use withCredentials') }
    void setProperty(String name, value) {
        once(name)
        made[name] = value.toString()
    }
    def propertyMissing(String name) { return made.containsKey(name) ? made[name] : super.propertyMissing(name) }
}

class When extends Section {
    List<Closure> all = []
    When(Build build) { super(build) }
    void expression(Closure body) { all << { Section.ask(body, build.steps) } }
    void branch(String name) { all << { build.environment().BRANCH_NAME == name } }
    void changeRequest() { all << { build.environment().CHANGE_ID != null } }
    void environment(Map given) {
        only(given, 'environment', ['name', 'value'])
        all << { build.environment()[given.name] == given.value }
    }
    void not(Closure body) { def inner = inner(body, 1); all << { !inner.holds() } }
    void allOf(Closure body) { def inner = inner(body); all << { inner.holds() } }
    void anyOf(Closure body) { def inner = inner(body); all << { inner.all.any { it() } } }
    void beforeAgent(boolean is) { once('beforeAgent') }
    boolean holds() { return all.every { it() } }
    private When inner(Closure body, Integer exactly = null) {
        def found = Section.read(body, new When(build))
        if (!found.all || (exactly && found.all.size() != exactly)) { throw new Refused('empty or too full condition in when') }
        return found
    }
}

class Post extends Section {
    static final ORDER = ['always', 'changed', 'fixed', 'regression', 'aborted', 'failure', 'success', 'unstable',
                          'unsuccessful', 'cleanup']
    Map<String, Closure> blocks = [:]
    Post(Build build) { super(build) }
    def methodMissing(String name, arguments) {
        if (!(name in ORDER)) { throw new Refused("unknown condition '${name}' in post") }
        once(name)
        blocks[name] = arguments[0]
    }
    private boolean applies(String condition) {
        def now = build.result, before = build.given.previous
        switch (condition) {
            case ['always', 'cleanup']: return true
            case 'changed': return now != before
            case 'fixed': return now == 'SUCCESS' && before in ['FAILURE', 'UNSTABLE']
            case 'regression': return before == 'SUCCESS' && now != 'SUCCESS'
            case 'unsuccessful': return now != 'SUCCESS'
            default: return now == condition.toUpperCase()
        }
    }
    void run() {
        ORDER.findAll { blocks[it] && applies(it) }.each { condition ->
            build.say("[Pipeline] { (post: ${condition})")
            try { Section.read(blocks[condition], build.steps) } catch (Refused bad) { throw bad }
            catch (RuntimeException error) { build.fail(error) }
        }
    }
}

class Stage extends Section {
    String name
    When condition
    Options options
    Closure body, environment
    Post post
    Stage(Build build, String name) { super(build); this.name = name }
    void when(Closure given) { once('when'); condition = Section.read(given, new When(build)) }
    void options(Closure given) { once('options'); options = Section.read(given, new Options(build)) }
    void environment(Closure given) { once('environment'); environment = given }
    void steps(Closure given) { once('steps'); body = given }
    void post(Closure given) { once('post'); post = Section.read(given, new Post(build)) }
    Stage checked() {
        if (!body) { throw new Refused("stage '${name}' has no steps") }
        return this
    }
    String run() {
        build.stage = name
        if (build.result in ['FAILURE', 'ABORTED']) {
            build.say("Stage \"${name}\" skipped due to earlier failure(s)")
            return 'skipped after failure'
        }
        if (condition && !condition.holds()) {
            build.say("Stage \"${name}\" skipped due to when conditional")
            return 'skipped'
        }
        build.say("[Pipeline] { (${name})")
        def own = environment ? Section.read(environment, new Environment(build)).made : [:]
        def before = build.result
        build.with(own) {
            try { build.within(options?.limit) { Section.read(body, build.steps) } }
            catch (Refused bad) { throw bad }
            catch (RuntimeException error) { build.fail(error) }
            post?.run()
        }
        return build.result == before ? 'success' : build.result.toLowerCase()
    }
}

class Stages extends Section {
    List<Stage> all = []
    Stages(Build build) { super(build) }
    void stage(String name, Closure body) {
        once(name)
        all << Section.read(body, new Stage(build, name)).checked()
    }
}

class Pipeline extends Section {
    Options options
    Closure environment
    Stages stages
    Post post
    Pipeline(Build build) { super(build) }
    void agent(Closure given) { once('agent'); Section.read(given, new Agent(build)) }
    void agent(String which) { once('agent') }
    String getAny() { return 'any' }
    void options(Closure given) { once('options'); options = Section.read(given, new Options(build)) }
    void triggers(Closure given) { once('triggers'); Section.read(given, new Triggers(build)) }
    void parameters(Closure given) { once('parameters'); Section.read(given, new Parameters(build)) }
    void environment(Closure given) { once('environment'); environment = given }
    void stages(Closure given) { once('stages'); stages = Section.read(given, new Stages(build)) }
    void post(Closure given) { once('post'); post = Section.read(given, new Post(build)) }
    void run() {
        if (!('agent' in said) || !stages?.all) { throw new Refused('a pipeline needs agent and stages') }
        build.declared = environment ? Section.read(environment, new Environment(build)).made : [:]
        build.within(options?.limit) {
            stages.all.each { build.report.stages << [it.name, it.run()] }
        }
        build.stage = 'Declarative: Post Actions'
        post?.run()
    }
}

// ---- the file --------------------------------------------------------------------------------------

abstract class PipelineScript extends Script {
    void pipeline(Closure body) {
        def build = binding.getVariable('build')
        if (build.pipeline) { throw new Refused('more than one pipeline') }
        build.pipeline = Section.read(body, new Pipeline(build))
    }
    // Functions of the file call steps as the steps of a stage do.
    def methodMissing(String name, arguments) { return binding.getVariable('build').steps.invokeMethod(name, arguments) }
}

def build = new Build(new JsonSlurper().parse(new File(args[1])))
def known = [env: new Env(build), params: build.params, currentBuild: new CurrentBuild(build), scm: build.given.scm, build: build]
def compiler = new CompilerConfiguration(scriptBaseClass: PipelineScript.name)
try {
    def script = new GroovyShell(getClass().classLoader, new Binding(known), compiler).parse(new File(args[0]))
    build.script = script
    build.steps = new Steps(build)
    script.run()
    if (!build.pipeline) { throw new Refused('no pipeline') }
    build.pipeline.run()
} catch (Refused | org.codehaus.groovy.control.CompilationFailedException refused) {
    build.fail(refused)
}
build.say("Finished: ${build.result}")
new File(args[2]).text = JsonOutput.toJson(build.report + [groovy: GroovySystem.version, result: build.result])
System.exit(build.result == 'SUCCESS' ? 0 : 1)
