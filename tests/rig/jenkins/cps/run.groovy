// Runs a Jenkinsfile in continuation-passing style and writes down its steps. Steps do nothing here: what is
// shown is that the file survives what Jenkins makes of Groovy. Directive names are not checked.
//
//     groovy run.groovy JENKINSFILE GIVEN.json STEPS.json

import com.lesfurets.jenkins.unit.cps.BasePipelineTestCPS
import groovy.json.JsonOutput
import groovy.json.JsonSlurper

class Case extends BasePipelineTestCPS { }

class Told implements Serializable {
    List steps = []
    void add(String name, what) { steps << [name, what.toString()] }
}

class CurrentBuild implements Serializable {
    List causes
    String currentResult = 'SUCCESS'
    List getBuildCauses(String type) { return causes }
}

def file = new File(args[0])
def given = new JsonSlurper().parse(new File(args[1]))
def told = new Told()
def current = new CurrentBuild(causes: given.causes.collect { new HashMap(it) })
def run = new Case(scriptRoots: [file.parent] as String[], scriptExtension: '')
run.setUp()
def helper = run.helper, env = new HashMap(given.env)

// Sections that hold others, then steps that run their body, then those that only take arguments.
['pipeline', 'stages', 'steps', 'script', 'environment', 'options', 'parameters', 'triggers', 'post', 'always', 'cleanup',
 'agent'].each { name -> helper.registerAllowedMethod(name, [Closure]) { it() } }
['when', 'not', 'expression'].each { name -> helper.registerAllowedMethod(name, [Closure]) { it() } }
helper.registerAllowedMethod('stage', [String, Closure]) { String name, Closure body ->
    env.STAGE_NAME = name
    told.add('stage', name)
    body()
}
helper.registerAllowedMethod('unsuccessful', [Closure]) { }
helper.registerAllowedMethod('withCredentials', [List, Closure]) { List bindings, Closure body ->
    bindings.each { told.add('credential', it.credentialsId) }
    body()
}
helper.registerAllowedMethod('withEnv', [List, Closure]) { List pairs, Closure body ->
    told.add('withEnv', pairs)
    body()
}
helper.registerAllowedMethod('catchError', [Map, Closure]) { Map settings, Closure body ->
    told.add('catchError', settings)
    body()
}
['string', 'file', 'usernamePassword', 'choice', 'logRotator'].each { name -> helper.registerAllowedMethod(name, [Map]) { it } }
['timeout', 'buildDiscarder', 'junit', 'archiveArtifacts'].each { name -> helper.registerAllowedMethod(name, [Map]) { told.add(name, it) } }
['disableConcurrentBuilds', 'skipDefaultCheckout', 'githubPush', 'cleanWs'].each { name ->
    helper.registerAllowedMethod(name, []) { told.add(name, '') }
}
helper.registerAllowedMethod('label', [String]) { }
helper.registerAllowedMethod('sh', [String]) { told.add('sh', it) }
helper.registerAllowedMethod('checkout', [Object]) { [GIT_COMMIT: 'c0ffee', GIT_URL: 'https://git.example/shop.git'] }
[env: env, params: new HashMap(given.params), currentBuild: current, scm: 'scm'].each { name, value ->
    run.binding.setVariable(name, value)
}
def failed = ''
try { helper.runScript(helper.loadScript(file.name, run.binding)) } catch (Throwable error) { failed = error.toString(); error.printStackTrace() }
new File(args[2]).text = JsonOutput.toJson([steps: told.steps, failed: failed, env: env])
