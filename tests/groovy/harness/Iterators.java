package harness;

import java.io.Serializable;
import java.util.AbstractMap;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Set;

/** Iterators and views that can be saved, in the place of Java's, as Jenkins' IteratorHack does. In Java, since
 * Groovy would look up its own calls in here again. */
public final class Iterators {

    private Iterators() { }

    private static final class Saved implements Iterator<Object>, Serializable {

        private static final long serialVersionUID = 1L;
        private final List<?> items;
        private int at = 0;

        Saved(List<?> items) {
            this.items = items;
        }

        @Override public boolean hasNext() {
            return at != items.size();
        }

        @Override public Object next() {
            if (at >= items.size()) {
                throw new NoSuchElementException();
            }
            return items.get(at++);
        }

    }

    public static Iterator<?> iterator(List<?> list) {
        return new Saved(list);
    }

    public static Iterator<?> iterator(Set<?> set) {
        return new Saved(new ArrayList<Object>(set));
    }

    public static Set<?> entrySet(Map<?, ?> map) {
        Set<Object> found = new LinkedHashSet<>();
        for (Map.Entry<?, ?> entry : map.entrySet()) {
            found.add(new AbstractMap.SimpleImmutableEntry<Object, Object>(entry.getKey(), entry.getValue()));
        }
        return found;
    }

    public static Set<?> keySet(Map<?, ?> map) {
        return new LinkedHashSet<Object>(map.keySet());
    }

    public static Collection<?> values(Map<?, ?> map) {
        return new ArrayList<Object>(map.values());
    }

}
