import harness.World
import org.junit.Test
import sandbox.Lists

/** What the library uses is what Jenkins allows. */
class ListsTest {

    @Test void jenkins_allows_all_that_the_library_uses() {
        assert Lists.used() - Lists.jenkins() == []
        assert Lists.used().intersect(Lists.forbidden()) == []
    }

    @Test void the_list_is_sorted_and_says_each_thing_once() {
        assert Lists.used() == Lists.used().unique().sort()
    }

    /** Casts to anything else may run code of the target's class, which newer sandboxes look into. */
    @Test void casts_go_to_plain_data_only() {
        List allowed = ['Map', 'Map<String, Object>', 'List', 'List<String>', 'String', 'int', 'Collection', 'Closure', 'Map.Entry']
        ['src', 'vars'].each { folder ->
            new File(World.LIBRARY, folder).eachFileRecurse { file ->
                if (!file.name.endsWith('.groovy')) { return }
                def casts = file.text =~ /[=(,:?]\s*\(([A-Z][\w.<>, ]*|int|long|boolean|double|byte)\) ?[\w("'\[]/
                casts.each { assert it[1] in allowed : "${file.name}: a cast to ${it[1]}" }
                assert !(file.text =~ /\bas [A-Z(]/) : "${file.name} casts with `as`"
            }
        }
    }

}
