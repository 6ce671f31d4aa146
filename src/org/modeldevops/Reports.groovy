package org.modeldevops

/** Publishes what a run left for people, whatever its outcome. */
class Reports implements Serializable {

    private static final long serialVersionUID = 1L

    private final Object steps

    Reports(Object steps) {
        this.steps = steps
    }

    /** Publishes the reports of a result document; none where there is no document. */
    void publish(Map result) {
        for (Object report in new ArrayList((List) (result?.reports ?: []))) {
            one((Map) report)
        }
    }

    private void one(Map report) {
        String path = report.path
        if (!steps.fileExists(path)) {
            steps.echo("model-devops: the report ${path} is not there any more")
            return
        }
        if (report.kind == 'junit') {
            Optional.use(steps, 'junit', 'JUnit') { steps.junit(testResults: path.replace(',', '?'), allowEmptyResults: true) }
        }
        if (report.kind == 'html') {
            html(report)
        }
        steps.archiveArtifacts(artifacts: path.replace(',', '?'), allowEmptyArchive: true)
    }

    private void html(Map report) {
        String path = report.path
        int cut = path.lastIndexOf('/')
        Optional.use(steps, 'publishHTML', 'HTML Publisher') {
            steps.publishHTML(target: [
                reportName: report.title, reportDir: cut < 0 ? '.' : path.substring(0, cut),
                reportFiles: path.substring(cut + 1), keepAll: true, alwaysLinkToLastBuild: true, allowMissing: true,
            ])
        }
    }

}
