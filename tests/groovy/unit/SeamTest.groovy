import harness.Results
import org.junit.Test

/** One call of the command line: what it is asked, and what its answer does to the build. */
class SeamTest extends Jenkins {

    private static final Map<String, String> VERBS = [modelCheck: 'check', modelBuild: 'build', modelTest: 'test', modelDeploy: 'deploy', modelRollback: 'rollback']

    @Test void every_step_asks_its_verb_through_one_constant_script() {
        VERBS.each { name, verb ->
            answer(verb, 0)
            step(name, [file: 'a/model.yaml', reason: "r ${1}", list: ['x', 2, true, null], map: [k: 'v'], other: Locale.GERMANY])
            Map call = asked[-1]
            assert call.verb == verb
            assert call.label == "model-devops $verb"
            assert call.request == [file: 'a/model.yaml', reason: 'r 1', list: ['x', 2, true, null], map: [k: 'v'], other: 'de_DE']
            assert call.folder ==~ '/w@tmp/model-devops/[0-9a-f-]{36}'
            assert call.variables.MODEL_DEVOPS_CLI_VERSION == '1.2.3'
            assert call.variables.MODEL_DEVOPS_CLI_KEY == 'k'
            assert files["${call.folder}/agent.py"] == new File(LIBRARY, 'resources/org/modeldevops/agent.py').text
            assert calls('dir')[-1] == call.folder
        }
        assert asked*.folder.unique().size() == VERBS.size()
    }

    @Test void without_arguments_the_request_is_empty() {
        answer('build', 0)
        step('modelBuild')
        assert asked[0].request == [:]
    }

    @Test void a_jobs_parameters_are_hyperparameters() {
        answer('build', 0)
        step('modelBuild', [params: [epochs: 20, rate: 0.5], force: true])
        assert asked[0].request == [param: [epochs: 20, rate: 0.5], force: true]
    }

    @Test void the_agent_that_lacks_a_folder_for_temporary_files_is_asked_for_one() {
        env.build.remove('WORKSPACE_TMP')
        answer('check', 0)
        step('modelCheck')
        assert asked[0].folder.startsWith('/w/dir@tmp/model-devops/')
        assert calls('pwd') == [[tmp: true]]
    }

    @Test void the_command_line_is_brought_where_it_is_missing_and_only_there() {
        answer('check', 75, null)
        answer('check', 0)
        step('modelCheck')
        assert asked.size() == 2
        assert files["${asked[0].folder}/model_devops-1.2.3-py3-none-any.whl"] == 'base64 of org/modeldevops/model_devops.whl'
        assert files["${asked[0].folder}/requirements.txt"] == 'a==1'
        files.clear()
        step('modelCheck')
        assert !files.keySet().any { it.endsWith('.whl') }
    }

    @Test void a_command_line_that_can_t_be_brought_is_no_endless_loop() {
        answer('check', 75, null)
        assert failure('modelCheck') == 'modelCheck: `model-devops check` could not run on linux-1: exit code 75 and no result. ' +
            'The agent or its disk failed, or the process was killed; the log above says more.'
        assert asked.size() == 2
    }

    @Test void a_result_that_is_no_json_or_of_another_call_is_a_fault() {
        answer('check', 0, [exitCode: 3])
        assert failure('modelCheck') == 'modelCheck: `model-devops check` was cut short on linux-1: exit code 0, but its result says 3. Run the step again.'
        publisher('readFile', [Map]) { '{"exitCode": 0' }
        assert failure('modelCheck').contains('exit code 0 and no result')
        publisher('readFile', [Map]) { '[]' }
        assert failure('modelCheck').contains('exit code 0 and no result')
    }

    @Test void windows_and_no_agent_are_told_of_before_anything_runs() {
        unix = false
        assert failure('modelTest') == 'modelTest: the agent linux-1 runs Windows; agents with Linux or macOS are needed'
        env.build.remove('NODE_NAME')
        assert failure('modelTest') == 'modelTest: it needs an agent: give the stage `agent any`, or put it into `node { }`'
        assert asked == []
    }

    @Test void a_restart_from_a_stage_names_the_original_build() {
        answer('test', 0)
        String type = 'org.jenkinsci.plugins.pipeline.modeldefinition.causes.RestartDeclarativePipelineCause'
        ['Restarted from build #12, stage Test': 12, 'Neu gestartet von Build #1.234, Stage 2': 1234, 'Build #1,234,567': 1234567].each { words, number ->
            currentBuild.getBuildCauses = { -> [[_class: 'x', shortDescription: '#3'], [_class: type, shortDescription: words]] }
            step('modelTest')
            assert asked[-1].variables.MODEL_DEVOPS_RESTARTED_FROM == "http://j/job/team/job/digits/$number/"
        }
        env.build.remove('JOB_URL')
        step('modelTest')
        assert asked[-1].variables.MODEL_DEVOPS_RESTARTED_FROM == 'jenkins:team/digits#1234567'
        currentBuild.getBuildCauses = { -> [[_class: 'hudson.model.Cause$UserIdCause', shortDescription: 'Started by #5']] }
        step('modelTest')
        assert !asked[-1].variables.containsKey('MODEL_DEVOPS_RESTARTED_FROM')
    }

    // ---- credentials

    private static final Map TABLE = [
        gitCredentials: ['usernamePassword', [usernameVariable: 'MODEL_DEVOPS_GIT_USER', passwordVariable: 'MODEL_DEVOPS_GIT_PASSWORD']],
        gitSshKey: ['sshUserPrivateKey', [keyFileVariable: 'MODEL_DEVOPS_GIT_SSH_KEY', usernameVariable: 'MODEL_DEVOPS_GIT_SSH_USER']],
        kubeconfig: ['file', [variable: 'KUBECONFIG']],
        registryCredentials: ['usernamePassword', [usernameVariable: 'MODEL_DEVOPS_REGISTRY_USER', passwordVariable: 'MODEL_DEVOPS_REGISTRY_PASSWORD']],
        signingKey: ['file', [variable: 'MODEL_DEVOPS_SIGNING_KEY']],
        signingKeyPassword: ['string', [variable: 'MODEL_DEVOPS_SIGNING_PASSWORD']],
        webhook: ['string', [variable: 'MODEL_DEVOPS_WEBHOOK_URL']],
        webhookSecret: ['string', [variable: 'MODEL_DEVOPS_WEBHOOK_SECRET']],
        smtpCredentials: ['usernamePassword', [usernameVariable: 'MODEL_DEVOPS_SMTP_USER', passwordVariable: 'MODEL_DEVOPS_SMTP_PASSWORD']],
    ]

    @Test void each_credential_is_bound_as_the_table_says_and_is_no_part_of_the_request() {
        answer('deploy', 0)
        TABLE.each { argument, row ->
            step('modelDeploy', [environment: 'test', (argument): "id of ${argument}"])
            assert calls('withCredentials')[-1] == [[symbol: row[0]] + row[1] + [credentialsId: "id of $argument"]]
            row[1].values().each { name -> assert asked[-1].variables[name] == "${row[0]} id of $argument" }
            assert asked[-1].request == [environment: 'test']
        }
        assert new TreeSet(TABLE.keySet()) == new TreeSet(helper.gse.loadScriptByName('org/modeldevops/Credentials.groovy').TABLE.keySet())
    }

    @Test void several_credentials_are_bound_at_once_around_the_script_alone() {
        answer('deploy', 0)
        step('modelDeploy', [environment: 'test', kubeconfig: 'k', gitSshKey: 's', webhook: null])
        assert calls('withCredentials')*.size() == [2]
        List order = called*.getAt(0)
        int begin = order.indexOf('withCredentials')
        assert order.subList(begin + 1, begin + 3) == ['withEnv', 'sh']
        step('modelDeploy', [environment: 'test'])
        assert calls('withCredentials').size() == 1
    }

    // ---- arguments

    @Test void all_that_is_wrong_is_said_at_once_and_nothing_runs() {
        VERBS.keySet().each { name ->
            String told = failure(name, [kubeconfig: 5, webhook: ' ', signingKey: true, unstable: 'yes', environment: 'test'])
            assert told == "$name: kubeconfig takes the ID of a credential, not 5\n  webhook takes the ID of a credential, not  \n" +
                '  signingKey takes the ID of a credential, not true\n  unstable takes true or false, not yes\n' +
                "  allowed: ${own(name).join(', ')}, ${TABLE.keySet().join(', ')}"
        }
        assert asked == []
    }

    private static List own(String name) { (name in ['modelDeploy', 'modelRollback'] ? ['lock', 'milestone'] : []) + 'unstable' }

    @Test void help_pages_name_every_argument_that_the_library_takes() {
        (VERBS.keySet() + ['modelApprove', 'modelNotify', 'modelPipeline']).each { name ->
            String told = name == 'modelNotify' ? step(name, [kubeconfig: 5]).summary : failure(name, [kubeconfig: 5])
            List allowed = told.substring(told.indexOf('allowed: ') + 9).split(', ')
            List pages = (new File(LIBRARY, "vars/${name}.txt").text =~ /(?m)^- ([\w, ]+?): /).collect { it[1].split(', ') as List }.flatten()
            assert allowed - pages == []
        }
    }

    @Test void a_long_value_is_cut_in_messages() {
        assert failure('modelCheck', [kubeconfig: ['x' * 100]]).contains("not [${'x' * 59}…\n")
    }

    @Test void what_the_command_line_says_of_arguments_comes_with_those_of_the_step() {
        answer('check', 2, [status: 'usage', error: [kind: 'usage', message: '1 problem(s) in the request', hint: null, problems: [
            [message: "there is no option 'fil'", hint: 'did you mean file?']]]])
        assert failure('modelCheck', [fil: 'x']) == "modelCheck: usage: 1 problem(s) in the request\n  there is no option 'fil'\n      did you mean file?\n" +
            "  arguments of the step itself: unstable, ${TABLE.keySet().join(', ')}"
    }

    @Test void the_map_that_a_step_was_given_stays_as_it_was() {
        answer('deploy', 0)
        Map given = [environment: 'test', lock: 'l', milestone: 1, kubeconfig: 'k'].asImmutable()
        step('modelDeploy', given)
        assert given == [environment: 'test', lock: 'l', milestone: 1, kubeconfig: 'k']
    }

    // ---- the build's result

    /** From docs/exit-codes.md, so that no code is forgotten. */
    private static List<List> codes() {
        (new File(LIBRARY, 'docs/exit-codes.md').text =~ /(?m)^\| (\d+) \| (\w+) \| .* \| (\w+)/).collect { [it[1].toInteger(), it[2], it[3]] }
    }

    @Test void every_exit_code_makes_the_documented_result() {
        assert codes().size() == 11
        codes().findAll { it[0] != 0 }.each { int code, String status, String result ->
            currentBuild.result = null
            answers.test.clear()
            answer('test', code, [status: status, error: [kind: status, message: 'so it is', problems: [], hint: 'do this']])
            assert failure('modelTest', [unstable: code != 3]) == "modelTest: $status: so it is\n  next: do this"
            assert (currentBuild.result ?: 'FAILURE') == result
        }
        currentBuild.result = null
        answers.test.clear()
        answer('test', 0)
        step('modelTest')
        assert currentBuild.result == null
    }

    @Test void a_failed_test_makes_the_build_unstable_where_asked() {
        answer('test', 3, [error: [kind: 'gate', message: 'accuracy is low', problems: [], hint: null]])
        Map found = (Map) step('modelTest', [unstable: true])
        assert currentBuild.result == 'UNSTABLE'
        assert said == ['modelTest: failed: accuracy is low']
        assert [found.exitCode, found.version] == [3, '1.0.0']
        assert env.MODEL_STATUS == 'failed'
    }

    @Test void a_build_that_came_too_late_is_not_built() {
        answer('build', 4, [status: 'refused', error: [kind: 'superseded', message: 'older', problems: [], hint: null]])
        assert failure('modelBuild') == 'modelBuild: refused: older'
        assert currentBuild.result == 'NOT_BUILT'
        currentBuild.result = null
        answers.build.clear()
        answer('build', 4, [status: 'refused', error: [kind: 'dirty', message: 'dirty', problems: [], hint: null]])
        failure('modelBuild')
        assert currentBuild.result == null
    }

    @Test void problems_are_told_with_place_choice_and_hint() {
        answer('check', 2, [status: 'usage', error: [kind: 'config', message: '2 problems', hint: 'mend them', problems: [
            [message: 'no such key', file: 'model.yaml', line: 3, column: 4, allowed: ['a', 'b'], hint: 'did you mean a?'],
            [message: 'elsewhere', file: 'p.yaml'],
        ]]])
        assert failure('modelCheck') == 'modelCheck: usage: 2 problems\n  model.yaml:3:4: no such key\n      allowed: a, b\n      did you mean a?\n' +
            '  p.yaml: elsewhere\n  next: mend them'
    }

    // ---- what the build shows

    @Test void name_description_environment_and_map_say_what_was_made() {
        answer('build', 0, [summary: 'tiny 1.0.0', 'new': true, version: '1.0.0', digest: Results.DIGEST])
        answer('deploy', 0, [summary: 'tiny 1.0.0 runs in test', environment: 'test', revision: [number: 4, status: 'verified'],
            release: Results.release(image: [reference: "h/tiny@${Results.DIGEST}".toString()])])
        Map built = (Map) step('modelBuild')
        Map deployed = (Map) step('modelDeploy', [environment: 'test'])
        assert currentBuild.displayName == '#7 tiny 1.0.0'
        assert currentBuild.description == 'tiny 1.0.0\ntiny 1.0.0 runs in test'
        assert env.build.findAll { it.key.startsWith('MODEL_') } == [
            MODEL_STATUS: 'ok', MODEL_SUMMARY: 'tiny 1.0.0 runs in test', MODEL_ENVIRONMENT: 'test', MODEL_NAME: 'tiny',
            MODEL_VERSION: '1.0.0', MODEL_RELEASE: Results.DIGEST, MODEL_PRERELEASE: 'false', MODEL_TINY_VERSION: '1.0.0',
            MODEL_TINY_RELEASE: Results.DIGEST, MODEL_NEW: 'true', MODEL_REVISION: '4', MODEL_IMAGE: "h/tiny@${Results.DIGEST}".toString(),
        ]
        assert built.subMap(['version', 'digest', 'name', 'new']) == [version: '1.0.0', digest: Results.DIGEST, name: 'tiny', 'new': true]
        assert deployed.revision == [number: 4, status: 'verified']
        assert deployed.summary == 'tiny 1.0.0 runs in test'
    }

    @Test void several_models_of_one_build_are_all_named() {
        answer('build', 0, [summary: 'a 1.0.0', release: Results.release(name: 'a', version: '1.0.0')])
        answer('build', 0, [summary: 'fraud-new 2.0.0', release: Results.release(name: 'fraud-new', version: '2.0.0')])
        step('modelBuild', [file: 'a/model.yaml'])
        step('modelBuild', [file: 'b/model.yaml'])
        step('modelBuild', [file: 'b/model.yaml'])
        assert currentBuild.displayName == '#7 a 1.0.0, fraud-new 2.0.0'
        assert currentBuild.description == 'a 1.0.0\nfraud-new 2.0.0'
        assert [env.MODEL_A_VERSION, env.MODEL_FRAUD_NEW_VERSION, env.MODEL_VERSION] == ['1.0.0', '2.0.0', '2.0.0']
    }

    @Test void a_name_that_the_user_gave_stays() {
        currentBuild.displayName = 'nightly'
        answer('build', 0)
        step('modelBuild')
        assert currentBuild.displayName == 'nightly, tiny 1.0.0'
    }

    @Test void a_failure_is_kept_for_notifications_and_is_never_long() {
        answer('test', 3, [error: [kind: 'gate', message: 'low', problems: (1..30).collect { [message: "p$it"] }, hint: 'h']])
        env.within([STAGE_NAME: 'Test']) { failure('modelTest') }
        Map kept = (Map) new groovy.json.JsonSlurper().parseText(env.MODEL_FAILURE)
        assert [kept.stage, kept.exitCode, kept.error.message, kept.error.problems.size()] == ['Test', 3, 'low', 10]
        answers.test.clear()
        answer('test', 3, [error: [kind: 'gate', message: 'm' * 9000, problems: [], hint: 'h' * 9000]])
        failure('modelTest')
        kept = (Map) new groovy.json.JsonSlurper().parseText(env.MODEL_FAILURE)
        assert [kept.error.message.length(), kept.error.hint.length(), kept.error.kind] == [1000, 500, 'gate']
    }

}
