// Job DSL: makes the folders, credentials and jobs that apps.json lists. Run at each start of the controller.
// What is bound here (SEED_FOLDER, REPOSITORY_URL, the secrets) comes from `providedEnv` in casc/jenkins.yaml.
import groovy.json.JsonSlurper

def apps = new JsonSlurper().parse(new File(SEED_FOLDER as String, 'apps.json'))
apps.folders.each { place ->
    def held = place.credentials.collect { given(apps.credentials[it]) }.findAll()
    def readsBy = held.any { it.id == 'git-credentials' } ? 'git-credentials' : ''
    checkLogin(place, held)
    makeFolder(place, held)
    place.jobs.each { job ->
        def path = "${place.name}/${job.name}".toString()
        switch (job.kind) {
            case 'pipeline': makePipeline(path, job, REPOSITORY_URL, apps.branch, readsBy); break
            case 'previews': makePreviews(path, REPOSITORY_URL, apps.branch, readsBy); break
            default: throw new IllegalArgumentException("apps.json: ${path}: unknown kind ${job.kind}")
        }
    }
}

// Prefect Cloud takes a key, a server of one's own its login: a folder that starts flows has one of them.
void checkLogin(Map place, List held) {
    def logins = ['prefect-api-key', 'prefect-api-auth'].findAll { id -> held.any { it.id == id } }
    if (place.credentials.contains('prefect url') && logins.size() != 1) {
        throw new IllegalStateException("${place.name}: give PREFECT_API_KEY or PREFECT_API_AUTH, one of them; found ${logins}")
    }
}

// Id, kind and values of a credential; null of an optional one that nobody gave.
Map given(Map credential) {
    def missing = credential.from.values().findAll { !binding.variables[it] }
    if (missing && !credential.optional) {
        throw new IllegalStateException("${credential.id}: ${missing.join(', ')} is not set; see docker/jenkins/README.md")
    }
    missing ? null : [id: credential.id, kind: credential.kind,
                      values: credential.from.collectEntries { field, name -> [field, binding.variables[name]] }]
}

// Inside a folder's properties every method is taken for a setting: values are made ready before.
void makeFolder(Map place, List held) {
    folder(place.name) {
        description(place.description)
        properties {
            authorizationMatrix {
                entries {
                    place.groups.each { who ->
                        group {
                            name(who)
                            permissions(['Job/Build', 'Job/Cancel', 'Job/Read'])
                        }
                    }
                }
            }
            folderCredentialsProperty {
                domainCredentials {
                    domainCredentials {
                        domain {
                            name('')
                            description('')
                        }
                        credentials {
                            held.each { one ->
                                "${one.kind}" {
                                    scope('GLOBAL')
                                    id(one.id)
                                    description("Of folder ${place.name} alone")
                                    if (one.kind == 'file') { fileName(one.id) }
                                    one.values.each { field, value -> "${field}"(value) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

void makePipeline(String path, Map job, String repository, String from, String readsBy) {
    pipelineJob(path) {
        description("Runs ${job.script ?: 'Jenkinsfile'}${job.app_dir ? " for ${job.app_dir}" : ''}; made by apps.groovy")
        logRotator {
            numToKeep(50)
            artifactNumToKeep(20)
        }
        if (job.app_dir) {
            parameters { stringParam('SLIPWAY_APP_DIR', job.app_dir, 'The folder with slipway.yaml') }
        }
        if (job.to) {
            parameters { choiceParam('SLIPWAY_TO', [job.to], 'The environment that changes; this job reaches no other') }
        }
        if (job.paths) {
            properties {
                pipelineTriggers {
                    triggers { githubPush() }
                }
            }
        }
        definition {
            cpsScm {
                scm {
                    git {
                        remote {
                            url(repository)
                            if (readsBy) { credentials(readsBy) }
                        }
                        branch(from)
                        // A push starts a job by what it changed; without paths a job is started by hand alone.
                        configure { git ->
                            git / 'extensions' << 'hudson.plugins.git.extensions.impl.PathRestriction' {
                                includedRegions(job.paths.join('\n'))
                                excludedRegions(job.paths ? '' : '.*')
                            }
                        }
                    }
                }
                scriptPath(job.script ?: 'Jenkinsfile')
            }
        }
    }
}

void makePreviews(String path, String address, String released, String readsBy) {
    def (owner, name) = address.replaceFirst(/\.git$/, '').tokenize('/')[-2..-1]
    multibranchPipelineJob(path) {
        description("Branches and pull requests, but for ${released}; those of forks are not built. Made by apps.groovy")
        branchSources {
            branchSource {
                source {
                    github {
                        id('previews')
                        repoOwner(owner)
                        repository(name)
                        repositoryUrl(address)
                        configuredByUrl(true)
                        if (readsBy) { credentialsId(readsBy) }
                        traits {
                            gitHubBranchDiscovery { strategyId(1) }
                            gitHubPullRequestDiscovery { strategyId(1) }
                            headWildcardFilter {
                                includes('*')
                                excludes(released)
                            }
                        }
                    }
                }
            }
        }
        factory {
            workflowBranchProjectFactory { scriptPath('Jenkinsfile') }
        }
        orphanedItemStrategy {
            discardOldItems {
                daysToKeep(7)
                numToKeep(20)
            }
        }
    }
}
