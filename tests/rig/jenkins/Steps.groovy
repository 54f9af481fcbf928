// What a step of a Jenkinsfile does. Part of executor.groovy, whose classes it uses.

import java.nio.file.FileSystems
import java.nio.file.Files
import java.nio.file.Path
import java.nio.file.StandardCopyOption
import java.nio.file.attribute.PosixFilePermissions
import java.security.MessageDigest

class Steps extends Section {
    Steps(Build build) { super(build) }
    String getTitle() { return 'steps' }

    // A name that is no step may be a function of the Jenkinsfile; nothing else.
    def methodMissing(String name, arguments) {
        if (build.script.respondsTo(name)) { return build.script.invokeMethod(name, arguments) }
        throw new StepFailed("No such DSL method '${name}' found among steps")
    }

    def script(Closure body) { return Section.ask(body, this) }
    void echo(String text) { build.say(text) }
    void error(String text) { throw new StepFailed(text) }
    def timeout(Map given, Closure body) {
        only(given, 'timeout', ['time'], ['unit', 'activity'])
        return build.within(given) { Section.ask(body, this) }
    }

    def catchError(Map given, Closure body) {
        only(given, 'catchError', [], ['buildResult', 'stageResult', 'message', 'catchInterruptions'])
        try { Section.ask(body, this) } catch (Refused bad) { throw bad }
        catch (RuntimeException error) {
            build.say("ERROR: ${given.message ?: ''}: ${error.message}")
            build.worsen(given.buildResult ?: 'FAILURE')
        }
    }

    def sh(String text) { return sh(script: text) }
    def sh(Map given) {
        only(given, 'sh', ['script'], ['returnStdout', 'returnStatus', 'label', 'encoding'])
        def folder = build.scratch.resolve("durable-${++build.scripts}")
        def file = Files.createDirectories(folder).resolve('script.sh')
        Files.write(file, given.script.getBytes('UTF-8'))
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString('rwx------'))
        // As Jenkins has it: a script that names its interpreter gets that, any other `sh -xe`.
        def argv = given.script.startsWith('#!') ? [file.toString()] : ['/bin/sh', '-xe', file.toString()]
        def lines = []
        int code = build.execute(argv) { given.returnStdout ? lines << it : build.say(it) }
        folder.toFile().deleteDir()
        if (given.returnStatus) { return code }
        if (code != 0) { throw new StepFailed("script returned exit code ${code}") }
        return given.returnStdout ? lines.join('\n') : null
    }

    def withEnv(List<String> pairs, Closure body) {
        def overlay = pairs.collectEntries { def at = it.indexOf('='); [it[0..<at], it.substring(at + 1)] }
        return build.with(overlay) { Section.ask(body, this) }
    }

    Map string(Map given) { return binding('string', given, ['credentialsId', 'variable']) }
    Map file(Map given) { return binding('file', given, ['credentialsId', 'variable']) }
    Map usernamePassword(Map given) {
        return binding('usernamePassword', given, ['credentialsId', 'usernameVariable', 'passwordVariable'])
    }
    private Map binding(String kind, Map given, List keys) {
        only(given, kind, keys)
        return given + [kind: kind]
    }

    def withCredentials(List<Map> bindings, Closure body) {
        def folder = build.scratch.resolve("secretFiles-${++build.scripts}"), overlay = [:]
        bindings.each { overlay += bound(it, folder) }
        try { return build.with(overlay) { Section.ask(body, this) } } finally { folder.toFile().deleteDir() }
    }
    private Map bound(Map wanted, Path folder) {
        def id = wanted.credentialsId, found = build.credentials[id]
        if (found == null) { throw new StepFailed("Could not find credentials entry with ID '${id}'") }
        if (found.kind != wanted.kind) { throw new StepFailed("Credentials '${id}' is of kind '${found.kind}', not '${wanted.kind}'") }
        build.report.credentials << [build.stage, id]
        if (wanted.kind == 'usernamePassword') {
            build.masked << found.password
            return [(wanted.usernameVariable): found.username, (wanted.passwordVariable): found.password]
        }
        def value = wanted.kind == 'file' ? secretFile(folder, found) : found.secret
        build.masked << value
        return [(wanted.variable): value]
    }
    private String secretFile(Path folder, Map found) {
        Files.createDirectories(folder, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString('rwx------')))
        def file = Files.write(folder.resolve(found.name), found.content.getBytes('UTF-8'))
        return Files.setPosixFilePermissions(file, PosixFilePermissions.fromString('r--------')).toString()
    }

    Map checkout(scm) {
        git('clone', '--quiet', '--no-checkout', scm.url, '.')
        git('checkout', '--quiet', '--detach', scm.commit)
        return [GIT_COMMIT: scm.commit, GIT_URL: scm.url, GIT_BRANCH: "origin/${scm.branch}".toString()]
    }
    private void git(String... argv) {
        build.say("> git ${argv.join(' ')}")
        int code = build.execute(['git', '-c', 'protocol.file.allow=always', *argv]) { build.say(it) }
        if (code != 0) { throw new StepFailed("git ended with ${code}") }
    }

    def input(Map given) {
        only(given, 'input', ['message'], ['ok', 'submitter', 'submitterParameter', 'parameters', 'id'])
        build.report.inputs << given.message
        def answer = build.given.inputs[given.message]
        if (answer == null) { throw new Aborted("Rejected: nobody answered '${given.message}'") }
        return answer
    }

    void archiveArtifacts(Map given) {
        only(given, 'archiveArtifacts', ['artifacts'], ['fingerprint', 'allowEmptyArchive', 'onlyIfSuccessful', 'excludes'])
        def found = files(given.artifacts)
        if (!found && !given.allowEmptyArchive) { throw new StepFailed("No artifacts found that match \"${given.artifacts}\"") }
        found.each { name ->
            def kept = build.archive.resolve(name)
            Files.createDirectories(kept.parent)
            Files.copy(build.workspace.resolve(name), kept, StandardCopyOption.REPLACE_EXISTING)
            def print = given.fingerprint ? MessageDigest.getInstance('MD5').digest(Files.readAllBytes(kept)).encodeHex() : null
            build.report.artifacts[name] = print?.toString()
        }
        build.say("Archiving artifacts: ${found.join(', ') ?: 'none'}")
    }

    void junit(String pattern) { junit(testResults: pattern) }
    void junit(Map given) {
        only(given, 'junit', ['testResults'], ['allowEmptyResults'])
        def found = files(given.testResults), counts = [total: 0, failed: 0, skipped: 0]
        if (!found && !given.allowEmptyResults) { throw new StepFailed('No test report files were found') }
        found.each { name ->
            new XmlSlurper().parse(build.workspace.resolve(name).toFile()).'**'.findAll { it.name() == 'testcase' }.each {
                counts.total++
                if (it.failure.size() || it.error.size()) { counts.failed++ }
                if (it.skipped.size()) { counts.skipped++ }
            }
        }
        build.report.tests = counts
        if (counts.failed) { build.worsen('UNSTABLE') }
    }

    private List<String> files(String patterns) {
        def matchers = patterns.split(',').collect { FileSystems.default.getPathMatcher('glob:' + it.trim()) }
        def found = []
        build.workspace.toFile().eachFileRecurse(groovy.io.FileType.FILES) {
            def name = build.workspace.relativize(it.toPath())
            if (matchers.any { it.matches(name) }) { found << name.toString() }
        }
        return found.sort()
    }

    void cleanWs(Map given = [:]) {
        only(given, 'cleanWs', [], ['deleteDirs', 'notFailBuild', 'cleanWhenFailure'])
        build.workspace.toFile().eachFile { it.directory ? it.deleteDir() : it.delete() }
        build.say('[WS-CLEANUP] done')
    }
}
