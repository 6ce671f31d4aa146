import harness.Results
import org.jenkinsci.plugins.workflow.steps.FlowInterruptedException
import org.junit.Test

/** Reports, locks, approvals and notices: what only Jenkins can do. */
class StepsTest extends Jenkins {

    // ---- reports

    private static Map reports(Map... all) { [reports: all.collect { [title: 'A title'] + it }] }

    private void there(String... paths) { paths.each { files[it] = 'x' } }

    @Test void each_kind_of_report_is_published_as_what_it_is() {
        there('r/junit.xml', 'r/sub/page.html', 'log.txt', 'top.html')
        answer('test', 0, reports([kind: 'junit', path: 'r/junit.xml'], [kind: 'html', path: 'r/sub/page.html'], [kind: 'text', path: 'log.txt'],
            [kind: 'html', path: 'top.html', title: 'Top']))
        step('modelTest')
        assert calls('junit') == [[testResults: 'r/junit.xml', allowEmptyResults: true]]
        Map common = [keepAll: true, alwaysLinkToLastBuild: true, allowMissing: true]
        assert calls('publishHTML')*.target == [
            [reportName: 'A title', reportDir: 'r/sub', reportFiles: 'page.html'] + common,
            [reportName: 'Top', reportDir: '.', reportFiles: 'top.html'] + common,
        ]
        assert calls('archiveArtifacts')*.artifacts == ['r/junit.xml', 'r/sub/page.html', 'log.txt', 'top.html']
        assert calls('archiveArtifacts').every { it.allowEmptyArchive }
    }

    @Test void reports_are_published_whatever_the_outcome() {
        there('junit.xml')
        [2, 3, 4, 8, 130].each { code ->
            answers.test.clear()
            called.clear()
            answer('test', code, reports([kind: 'junit', path: 'junit.xml']))
            failure('modelTest')
            assert calls('junit').size() == 1
        }
    }

    @Test void a_path_with_a_comma_is_one_path_and_one_that_is_gone_fails_nothing() {
        there('a,b.xml')
        answer('test', 0, reports([kind: 'junit', path: 'a,b.xml'], [kind: 'text', path: 'gone.txt']))
        step('modelTest')
        assert calls('junit')*.testResults == ['a?b.xml']
        assert calls('archiveArtifacts')*.artifacts == ['a?b.xml']
        assert said == ['model-devops: the report gone.txt is not there any more']
    }

    @Test void without_their_plugins_reports_are_archived_only() {
        missing('junit')
        missing('publishHTML')
        there('j.xml', 'p.html')
        answer('test', 0, reports([kind: 'junit', path: 'j.xml'], [kind: 'html', path: 'p.html']))
        step('modelTest')
        assert calls('archiveArtifacts')*.artifacts == ['j.xml', 'p.html']
        assert said == ['model-devops: the plugin JUnit is not installed, so `junit` was left out',
                        'model-devops: the plugin HTML Publisher is not installed, so `publishHTML` was left out']
    }

    @Test void a_defect_inside_a_publisher_is_no_missing_plugin() {
        there('j.xml')
        publisher('junit', [Map]) { throw new NoSuchMethodError('hudson.Something.other()') }
        answer('test', 0, reports([kind: 'junit', path: 'j.xml']))
        try {
            step('modelTest')
            assert false
        } catch (NoSuchMethodError defect) {
            assert defect.message == 'hudson.Something.other()'
        }
    }

    @Test void an_abort_passes_and_what_was_left_is_published() {
        there('j.xml')
        publisher('sh', [Map]) {
            sh(it)
            throw new FlowInterruptedException('stop')
        }
        answer('test', 143, reports([kind: 'junit', path: 'j.xml']))
        try {
            step('modelTest')
            assert false
        } catch (FlowInterruptedException stopped) {
            assert calls('junit').size() == 1
        }
    }

    @Test void a_fault_while_saving_what_is_left_does_not_hide_the_first() {
        publisher('sh', [Map]) { throw new hudson.AbortException('the agent is gone') }
        publisher('fileExists', [String]) { throw new IOException('no channel') }
        answer('test', 0)
        assert failure('modelTest') == 'the agent is gone'
        assert said == ['model-devops: nothing more could be saved of this step: no channel']
    }

    // ---- locks and milestones

    @Test void a_milestone_is_passed_inside_the_lock() {
        answer('deploy', 0)
        step('modelDeploy', [environment: 'test', lock: "l-${1}", milestone: 5])
        List order = called*.getAt(0)
        assert calls('lock') == [[resource: 'l-1']]
        assert calls('milestone') == [[ordinal: 5]]
        assert order.indexOf('lock') < order.indexOf('milestone') && order.indexOf('milestone') < order.indexOf('sh')
        assert asked[0].request == [environment: 'test']
    }

    @Test void null_means_that_an_argument_is_not_given() {
        answer('deploy', 3)
        assert failure('modelDeploy', [environment: 'test', lock: null, milestone: null, unstable: null]).startsWith('modelDeploy: failed: ')
        assert calls('lock') + calls('milestone') == []
        env.build.remove('NODE_NAME')
        plan(4, [approval: false])
        answer('approve', 0)
        people << says('approve')
        step('modelApprove', [environment: 'production', time: null, unit: null, submitter: null, node: null])
        assert calls('timeout') == [[time: 72, unit: 'HOURS']]
        assert calls('node') == ['', '']
    }

    @Test void locks_and_milestones_of_the_wrong_kind_are_refused() {
        assert failure('modelRollback', [environment: 'test', lock: 5, milestone: 'x']).startsWith(
            'modelRollback: lock takes a text, not 5\n  milestone takes a number, not x\n  allowed: lock, milestone, unstable, ')
        assert calls('lock') + calls('milestone') == []
    }

    @Test void what_needs_a_plugin_says_which() {
        ['modelDeploy', 'modelRollback'].each { name ->
            missing('lock')
            missing('milestone')
            answer('deploy', 0)
            answer('rollback', 0)
            assert failure(name, [environment: 'test', lock: 'l']) == "$name: lock needs the plugin Lockable Resources, which this controller does not have"
            assert failure(name, [environment: 'test', milestone: 1]) == "$name: milestone needs the plugin Pipeline: Milestone Step, which this controller does not have"
        }
        assert asked == []
        step('modelRollback', [environment: 'test', reason: 'r'])
        assert asked*.verb == ['rollback']
    }

    @Test void a_defect_inside_a_lock_is_no_missing_plugin() {
        publisher('lock', [Map, Closure]) { Map args, Closure body -> throw new NoSuchMethodError('hudson.Something.other()') }
        try {
            step('modelDeploy', [environment: 'test', lock: 'l'])
            assert false
        } catch (NoSuchMethodError defect) {
            assert defect.message == 'hudson.Something.other()'
        }
    }

    // ---- approval

    private void plan(int code, Map conditions, Map more = [:]) {
        answer('plan', code, [environment: 'production', conditions: conditions.collect { [name: it.key, holds: it.value] }] + more)
    }

    private static Map says(String verdict, String comment = '') { [verdict: verdict, comment: comment, approver: 'bob'] }

    @Test void an_approval_is_asked_without_an_agent_and_recorded_for_that_digest() {
        env.build.remove('NODE_NAME')
        plan(4, [tested: true, approval: false], [changes: ['weights: new', 'code: same']])
        answer('approve', 0)
        people << says('approve', '  looks good ')
        Map found = (Map) step('modelApprove', [environment: 'production', submitter: 'ops,alice', node: 'small', file: 'a/model.yaml', time: 5, unit: 'MINUTES'])
        assert asked*.verb == ['plan', 'approve']
        assert asked[0].request == [environment: 'production', file: 'a/model.yaml']
        assert asked[1].request == [environment: 'production', file: 'a/model.yaml', release: Results.DIGEST, reject: false, comment: 'looks good']
        assert asked[1].variables.MODEL_DEVOPS_APPROVER == 'bob'
        assert asked*.variables*.NODE_NAME == ['small', 'small']
        assert calls('node') == ['small', 'small']
        assert calls('timeout') == [[time: 5, unit: 'MINUTES']]
        Map question = (Map) calls('input')[0]
        assert question.message == "tiny 1.0.0 for production?\nweights: new\ncode: same\nrelease $Results.DIGEST"
        assert [question.submitter, question.submitterParameter] == ['ops,alice', 'approver']
        assert question.parameters*.name == ['verdict', 'comment']
        List order = called*.getAt(0)
        assert order.lastIndexOf('node') > order.indexOf('input') && order.indexOf('node') < order.indexOf('input')
        assert [found.approver, found.comment] == ['bob', 'looks good']
        assert said == []
    }

    @Test void by_default_anybody_may_answer_within_three_days() {
        env.build.remove('NODE_NAME')
        plan(4, [approval: false])
        answer('approve', 0)
        people << says('approve')
        step('modelApprove', [environment: 'production', message: 'Well?', reason: 'why now'])
        assert asked[0].request == [environment: 'production']
        assert asked[1].request.reason == 'why now'
        assert calls('timeout') == [[time: 72, unit: 'HOURS']]
        assert !calls('input')[0].containsKey('submitter')
        assert calls('input')[0].message.startsWith('Well?\n')
        assert asked[1].request.comment == null
    }

    @Test void a_held_agent_is_warned_of() {
        plan(4, [approval: false])
        answer('approve', 0)
        people << says('approve')
        step('modelApprove', [environment: 'production'])
        assert said[0].startsWith('modelApprove: warning: an agent is held while a person decides. Give the stage `agent none`')
        assert calls('node') == []
    }

    @Test void a_rejection_is_recorded_and_fails_the_build() {
        env.build.remove('NODE_NAME')
        plan(4, [approval: false])
        answer('approve', 0)
        people << says('reject', 'answers are rude')
        assert failure('modelApprove', [environment: 'production']) ==
            'modelApprove: refused: tiny 1.0.0 was rejected by bob: answers are rude\n  next: build a new version that does better'
        assert asked[1].request.reject == true
        assert env.MODEL_FAILURE.contains('rejected')
        people << says('reject', ' ')
        assert failure('modelApprove', [environment: 'production']).contains('bob: no reason was given')
        assert asked[-1].request.comment == 'no reason was given'
    }

    @Test void a_refused_approval_fails_the_build() {
        env.build.remove('NODE_NAME')
        plan(4, [approval: false])
        answer('approve', 4, [status: 'refused', error: [kind: 'moved-on', message: 'test runs 1.1.0 now', problems: [], hint: 'look again']])
        people << says('approve')
        assert failure('modelApprove', [environment: 'production']) == 'modelApprove: refused: test runs 1.1.0 now\n  next: look again'
    }

    @Test void nobody_is_asked_twice_or_in_vain() {
        env.build.remove('NODE_NAME')
        plan(0, [tested: true, approval: true])
        assert step('modelApprove', [environment: 'production']).exitCode == 0
        assert said == ['modelApprove: tiny 1.0.0 is approved for production already']
        [[4, [tested: false, approval: false]], [4, [tested: false]], [4, [:]], [8, [approval: false]], [2, [:]]].each { code, conditions ->
            answers.plan.clear()
            plan((int) code, (Map) conditions)
            assert failure('modelApprove', [environment: 'production']) == 'modelApprove: failed: plan did not go well\n  next: look'
        }
        assert calls('input') == []
        assert asked*.verb.unique() == ['plan']
    }

    @Test void a_policy_without_approval_still_takes_one() {
        env.build.remove('NODE_NAME')
        plan(0, [tested: true])
        answer('approve', 0)
        people << says('approve')
        step('modelApprove', [environment: 'production'])
        assert asked*.verb == ['plan', 'approve']
    }

    @Test void an_answer_that_does_not_come_in_time_is_an_abort() {
        env.build.remove('NODE_NAME')
        plan(4, [approval: false])
        people << new FlowInterruptedException('Timeout has been exceeded')
        try {
            step('modelApprove', [environment: 'production'])
            assert false
        } catch (FlowInterruptedException late) {
            assert late.message == 'Timeout has been exceeded'
        }
    }

    @Test void the_approvals_arguments_are_checked_before_anybody_is_asked() {
        assert failure('modelApprove', [time: 'x', unit: 3, submiter: 'a']) ==
            'modelApprove: time takes a number, not x\n  unit takes a text, not 3\n  there is no argument submiter\n' +
            '  environment is missing: which one is the release to go to?\n  allowed: ' + allowed()
        assert asked == []
    }

    private static String allowed() {
        'environment, file, store, release, reason, submitter, message, time, unit, node, checkout, gitCredentials, gitSshKey, kubeconfig, ' +
            'registryCredentials, signingKey, signingKeyPassword, webhook, webhookSecret, smtpCredentials'
    }

    @Test void the_sources_come_from_the_closure_that_is_given() {
        env.build.remove('NODE_NAME')
        plan(0, [approval: true])
        List fetched = []
        step('modelApprove', [environment: 'production', checkout: { fetched << env.NODE_NAME }])
        assert fetched == ['any']
        assert calls('checkout') == []
        step('modelApprove', [environment: 'production'])
        assert calls('checkout') == [[branch: 'main']]
    }

    // ---- notices

    @Test void a_notice_says_how_the_build_stands_and_what_failed() {
        env.build.putAll([MODEL_FAILURE: '{"exitCode": 3}', GIT_PREVIOUS_SUCCESSFUL_COMMIT: 'abc'])
        currentBuild.currentResult = 'FAILURE'
        currentBuild.previousBuild = new Build([result: 'SUCCESS'])
        answer('notify', 0)
        step('modelNotify', [webhook: 'w', format: 'slack'])
        assert asked[0].request == [status: 'FAILURE', previous: 'SUCCESS', since: 'abc', format: 'slack', of: "${asked[0].folder}/of.json"]
        assert files["${asked[0].folder}/of.json"] == '{"exitCode": 3}'
        assert asked[0].variables.MODEL_DEVOPS_WEBHOOK_URL == 'string w'
    }

    @Test void a_first_build_has_no_previous_and_no_failure() {
        answer('notify', 0)
        step('modelNotify', [status: 'fixed'])
        assert asked[0].request == [status: 'fixed', previous: null]
    }

    @Test void a_notice_takes_an_agent_where_there_is_none() {
        env.build.remove('NODE_NAME')
        answer('notify', 0)
        step('modelNotify', [node: 'small'])
        assert calls('node') == ['small']
        assert calls('checkout') == [[branch: 'main']]
    }

    @Test void what_goes_wrong_with_a_notice_is_said_and_fails_nothing() {
        answer('notify', 2, [error: [kind: 'usage', message: 'no address', problems: [], hint: null]])
        assert step('modelNotify').exitCode == 2
        assert said == ['modelNotify: nobody was told: no address']
        answers.notify.clear()
        answer('notify', 0, null)
        Map found = (Map) step('modelNotify')
        assert found.status == 'failed'
        assert found.summary.startsWith('nobody was told: modelNotify: `model-devops notify` could not run on linux-1')
        assert step('modelNotify', [kubeconfig: 5]).summary.startsWith('nobody was told: modelNotify: kubeconfig takes the ID')
        unix = false
        assert step('modelNotify').summary.contains('runs Windows')
        assert currentBuild.result == null
    }

    @Test void a_notice_does_not_swallow_an_abort() {
        publisher('sh', [Map]) { throw new FlowInterruptedException('stop') }
        try {
            step('modelNotify')
            assert false
        } catch (FlowInterruptedException stopped) {
            assert said == []
        }
    }

}
