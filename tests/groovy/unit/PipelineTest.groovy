import harness.Results
import org.jenkinsci.plugins.workflow.steps.FlowInterruptedException
import org.junit.Before
import org.junit.Test

/** modelPipeline: the whole flow, and each way to change it. */
class PipelineTest extends Jenkins {

    private static final List ALL = [[name: 'test', prereleases: true], [name: 'staging', prereleases: false], [name: 'production', prereleases: false]]

    private static final String ALLOWED = '  allowed: check, build, test, approve, deploy, notify, file, store, node, checkout, environments, ' +
        'gitCredentials, gitSshKey, kubeconfig, registryCredentials, signingKey, signingKeyPassword, webhook, webhookSecret, smtpCredentials'

    @Before void noAgent() {
        env.build.remove('NODE_NAME')
        ['check', 'build', 'test', 'approve', 'deploy', 'notify'].each { answer(it, 0) }
        answer('config show', 0, [environments: ALL])
    }

    /** What each environment's policy asks for, in order of the environments. */
    private void approvals(boolean... missing) {
        missing.each { answer('plan', it ? 4 : 0, [environment: 'x', conditions: [[name: 'approval', holds: !it]]]) }
    }

    private List verbs() { asked*.verb }

    @Test void the_whole_flow_in_its_order() {
        approvals(false, false, false)
        Map last = (Map) step('modelPipeline')
        assert verbs() == ['config show', 'check', 'build', 'test', 'plan', 'deploy', 'plan', 'deploy', 'plan', 'deploy']
        assert calls('stage') == ['Check', 'Build', 'Test', 'Deploy to test', 'Deploy to staging', 'Deploy to production']
        assert asked.findAll { it.verb == 'deploy' }*.request == ['test', 'staging', 'production'].collect { [release: Results.DIGEST, environment: it] }
        assert asked.find { it.verb == 'test' }.request == [release: Results.DIGEST]
        assert last.summary == 'deploy tiny 1.0.0'
        assert calls('node') == ['', '']
    }

    @Test void a_person_is_asked_while_no_agent_is_held() {
        approvals(false, true, false)
        people << [verdict: 'approve', comment: '', approver: 'bob']
        publisher('input', [Map]) {
            assert env.NODE_NAME == null
            people.remove(0)
        }
        step('modelPipeline', [approve: [submitter: 'ops', time: 1], node: 'gpu'])
        assert verbs() == ['config show', 'check', 'build', 'test', 'plan', 'deploy', 'plan', 'approve', 'deploy', 'plan', 'deploy']
        assert calls('stage')[4..5] == ['Approve for staging', 'Deploy to staging']
        assert calls('input')*.submitter == ['ops']
        assert calls('timeout')*.time == [1]
        assert calls('node').unique() == ['gpu']
        assert asked.find { it.verb == 'approve' }.request.subMap(['environment', 'release']) == [environment: 'staging', release: Results.DIGEST]
    }

    @Test void A2_after_work_of_the_teams_own_the_environment_is_looked_at_again() {
        approvals(false, true, true, false)
        people << [verdict: 'approve', comment: '', approver: 'bob']
        step('modelPipeline', [approve: { standard -> standard() }])
        assert verbs() == ['config show', 'check', 'build', 'test', 'plan', 'deploy', 'plan', 'plan', 'approve', 'deploy', 'plan', 'deploy']
    }

    @Test void what_a_person_is_shown_was_planned_with_the_arguments_of_the_approval() {
        answers.plan << [4, [environment: 'staging', changes: ['weights: new'], conditions: [[name: 'approval', holds: false]]]] << [0, [environment: 'x', conditions: []]]
        people << [verdict: 'approve', comment: '', approver: 'bob']
        step('modelPipeline', [store: 's', environments: ['staging'], approve: [store: 'other', kubeconfig: 'k', reason: 'r', submitter: 'ops']])
        Map planned = asked.find { it.verb == 'plan' }
        assert planned.request == [store: 'other', release: Results.DIGEST, environment: 'staging']
        assert planned.variables.KUBECONFIG == 'file k'
        assert calls('input')[0].message.contains('weights: new')
        assert asked.find { it.verb == 'approve' }.request.subMap(['store', 'reason']) == [store: 'other', reason: 'r']
    }

    @Test void a_release_that_stands_goes_through_the_flow_where_none_is_built() {
        approvals(false)
        step('modelPipeline', [build: false, environments: ['test'], test: [release: '1.2.0'], deploy: [release: '1.2.0'], approve: [release: '1.2.0']])
        assert asked.findAll { it.verb in ['test', 'plan', 'deploy'] }*.request*.release == ['1.2.0'] * 3
    }

    @Test void a_rejection_ends_the_flow() {
        approvals(false, true)
        people << [verdict: 'reject', comment: 'no', approver: 'bob']
        assert failure('modelPipeline').contains('was rejected by bob: no')
        assert verbs()[-1] == 'approve'
        assert currentBuild.result == 'FAILURE'
    }

    @Test void stages_take_arguments_from_a_map() {
        approvals(false, false, false)
        step('modelPipeline', [file: 'a/model.yaml', gitCredentials: 'g', build: [params: [epochs: 2], atLeast: 'minor', reason: 'r'], test: [unstable: true],
                               deploy: [lock: 'l'], environments: [test: [reason: 't'], production: [milestone: 3]]])
        assert asked.find { it.verb == 'build' }.request == [file: 'a/model.yaml', param: [epochs: 2], atLeast: 'minor', reason: 'r']
        List deployed = asked.findAll { it.verb == 'deploy' }
        assert deployed[0].request == [file: 'a/model.yaml', reason: 't', release: Results.DIGEST, environment: 'test']
        assert calls('lock') == [[resource: 'l']] * deployed.size()
        assert calls('milestone') == [[ordinal: 3]]
        assert asked.findAll { it.verb != 'config show' }.every { it.variables.MODEL_DEVOPS_GIT_PASSWORD == 'usernamePassword g' }
    }

    @Test void stages_are_replaced_by_closures_and_left_out_by_false() {
        approvals(false, false, false)
        List order = []
        step('modelPipeline', [
            check: false,
            test: { standard -> order << 'before'; order << standard().exitCode; order << 'after' },
            environments: [test: { standard -> order << 'mine' }],
            notify: false,
        ])
        assert order == ['before', 0, 'after', 'mine']
        assert !verbs().contains('check')
        assert calls('stage').take(2) == ['Build', 'Test']
        assert asked.findAll { it.verb == 'deploy' }*.request*.environment == ['staging', 'production']
        called.clear()
        asked.clear()
        step('modelPipeline', [deploy: false, test: false])
        assert verbs() - 'plan' == ['config show', 'check', 'build']
    }

    @Test void environments_are_those_of_a_list_in_its_order() {
        approvals(false, false)
        step('modelPipeline', [environments: ['production', "te${'st'}"]])
        assert asked.findAll { it.verb == 'deploy' }*.request*.environment == ['production', 'test']
    }

    @Test void an_environment_that_model_yaml_does_not_have_is_refused_before_anything_is_built() {
        assert failure('modelPipeline', [environments: ['prod', 'test', 'prodution']]) ==
            'modelPipeline: environments: model.yaml has no prod: there is test, staging, production\n' +
            '  model.yaml has no prodution: did you mean production?'
        assert failure('modelPipeline', [environments: [Test: [:]]]) == 'modelPipeline: environments: model.yaml has no Test: did you mean test?'
        assert verbs() == ['config show'] * 2
    }

    @Test void a_pre_release_goes_where_pre_releases_go() {
        answers.build.clear()
        answer('build', 0, [release: Results.release(prerelease: true)])
        approvals(false)
        step('modelPipeline', [environments: ['test', 'production']])
        assert asked.findAll { it.verb == 'deploy' }*.request*.environment == ['test']
        asked.clear()
        answers['config show'].clear()
        answer('config show', 0, [environments: ALL.drop(1)])
        step('modelPipeline')
        assert verbs() == ['config show', 'check', 'build', 'test']
    }

    @Test void a_model_yaml_that_is_wrong_is_told_as_it_is() {
        answers['config show'].clear()
        answer('config show', 2)
        assert failure('modelPipeline') == 'modelPipeline: failed: config show did not go well\n  next: look'
    }

    @Test void a_failure_is_told_and_ends_the_flow() {
        answers.test.clear()
        answer('test', 3)
        assert failure('modelPipeline', [notify: [webhook: 'w', format: 'teams'], node: 'gpu']) == 'modelTest: failed: test did not go well\n  next: look'
        assert verbs() == ['config show', 'check', 'build', 'test', 'notify']
        assert asked[-1].request.format == 'teams'
        assert new groovy.json.JsonSlurper().parseText(files[asked[-1].request.of]).stage == 'Test'
        assert currentBuild.result == 'FAILURE'
        asked.clear()
        failure('modelPipeline')
        assert verbs() == ['config show', 'check', 'build', 'test']
    }

    @Test void what_a_build_was_already_is_kept_and_a_lost_notice_hides_no_failure() {
        answers.build.clear()
        answer('build', 4, [error: [kind: 'superseded', message: 'older', problems: [], hint: null]])
        answers.notify.clear()
        answer('notify', 1, null)
        assert failure('modelPipeline', [notify: [:]]).startsWith('modelBuild: failed: older')
        assert currentBuild.result == 'NOT_BUILT'
    }

    @Test void a_failure_after_an_unstable_test_is_told_as_a_failure() {
        approvals(false)
        answers.test.clear()
        answer('test', 3)
        answers.deploy.clear()
        answer('deploy', 5)
        failure('modelPipeline', [notify: [:], test: [unstable: true]])
        assert asked[-1].request.status == 'FAILURE'
        assert new groovy.json.JsonSlurper().parseText(files[asked[-1].request.of]).exitCode == 5
    }

    @Test void null_means_the_standard() {
        approvals(false, false, false)
        step('modelPipeline', [check: null, environments: null, node: null, file: null, notify: null, kubeconfig: null, checkout: null])
        assert verbs() - 'plan' == ['config show', 'check', 'build', 'test', 'deploy', 'deploy', 'deploy']
        assert asked[1].request == [:]
    }

    @Test void an_abort_passes_through_untold() {
        publisher('sh', [Map]) { throw new FlowInterruptedException('stop') }
        try {
            step('modelPipeline', [notify: [:]])
            assert false
        } catch (FlowInterruptedException stopped) {
            assert currentBuild.result == null
            assert calls('sh').size() == 1
        }
    }

    @Test void good_news_are_told_after_bad_ones_only() {
        ['FAILURE': 1, 'UNSTABLE': 1, 'SUCCESS': 0].each { before, times ->
            approvals(false)
            asked.clear()
            currentBuild.previousBuild = new Build([result: before])
            step('modelPipeline', [notify: [:], environments: ['test']])
            assert verbs().count('notify') == times
        }
        currentBuild.previousBuild = null
        asked.clear()
        step('modelPipeline', [notify: [:], environments: ['test']])
        assert !verbs().contains('notify')
    }

    @Test void all_wrong_arguments_are_named_and_nothing_runs() {
        assert failure('modelPipeline', [tset: 1, enviroments: [], unstable: true]) ==
            'modelPipeline: there is no argument tset: did you mean test?\n  there is no argument enviroments: did you mean environments?\n  there is no argument unstable\n' +
            ALLOWED
        assert asked == []
    }

    @Test void arguments_of_the_wrong_kind_are_named_all_at_once() {
        assert failure('modelPipeline', [check: 'no', test: 5, notify: true, environments: 'test', node: 3, checkout: 'x', kubeconfig: 1]) ==
            "modelPipeline: check takes a map of arguments, a closure, or false, not no\n  test takes a map of arguments, a closure, or false, not 5\n" +
            '  notify takes a map of arguments, or false, not true\n  environments takes a list of names, or a map, not test\n' +
            '  node takes a text, not 3\n  checkout takes a closure, not x\n  kubeconfig takes the ID of a credential, not 1\n' + ALLOWED
        assert asked == []
    }

    @Test void all_that_is_wrong_inside_of_stages_and_environments_is_named_and_nothing_runs() {
        Map wrong = [
            check: [unstabel: true, store: [1]], build: [params: true, atLeast: 'mayor', force: 'yes', release: '1.0.0', kubeconfig: 5],
            test: [accept: ['a', 'b'], reason: true], approve: [time: '2', submiter: 'x', environment: 'test'],
            deploy: [lock: 5, reason: { 'x' }], notify: [format: 'skype', mailTo: [a: 1]],
            environments: [test: [lok: 'x', release: '1.0.0', milestone: 'one'], staging: false, production: 'yes'],
        ]
        assert failure('modelPipeline', wrong) == 'modelPipeline: ' + [
            'check: there is no argument unstabel: did you mean unstable?', 'check: store takes a text, not [1]',
            'build: kubeconfig takes the ID of a credential, not 5', 'build: params takes a map, not true',
            'build: atLeast takes one of patch, minor, major, not mayor', 'build: force takes true or false, not yes',
            'build: there is no argument release', 'test: reason takes a text, not true', 'approve: time takes a number, not 2',
            'approve: there is no argument submiter: did you mean submitter?', 'approve: there is no argument environment',
            'deploy: lock takes a text, not 5', 'deploy: reason takes no closure', 'notify: format takes one of json, slack, teams, not skype',
            'notify: mailTo takes a text, or a list of them, not [a:1]', 'environments: test: milestone takes a number, not one',
            'environments: test: there is no argument lok: did you mean lock?', 'environments: test: there is no argument release',
            'environments: staging takes a map of arguments, or a closure, not false',
            'environments: production takes a map of arguments, or a closure, not yes',
        ].join('\n  ') + '\n' + ALLOWED
        assert failure('modelPipeline', [environments: ['test', 5, null, { 'x' }]]) ==
            'modelPipeline: environments takes names, not 5\n  environments takes names, not null\n  environments takes names, not a closure\n' + ALLOWED
        assert asked == []
    }

    @Test void what_each_step_takes_is_taken_by_its_stage_too() {
        approvals(false)
        step('modelPipeline', [
            file: 'm', check: [unstable: true, file: null], build: [params: [a: 1], force: false, atLeast: 'minor', reason: "a ${1}"],
            test: [accept: 'gate', reason: 5, as: 'x'], approve: [time: 5, unit: 'DAYS', message: 'm', node: 'n', checkout: { }, reason: 'r'],
            deploy: [lock: 'l', milestone: 2, unstable: false, gitSshKey: 'k'], environments: [test: [reason: null], staging: null],
            notify: [environment: ['test'], mailTo: ['a'], format: 'teams', mailAuthors: true],
        ])
        assert verbs()[-1] == 'deploy'
    }

}
