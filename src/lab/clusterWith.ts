import { Cluster } from "../control/cluster.ts";
import { ObjectError } from "../control/objects/objectError.ts";
import { SettingError, withSettings } from "../control/seen/settings.ts";

/**
 * A cluster of a lab's objects under other settings, at rest; `lab` itself where no setting is changed.
 *
 * @param settings as {@link withSettings} has them
 * @throws SettingError, or NameError for an object that there is not.
 */
export function clusterWith(lab: Cluster, settings: readonly string[]): Cluster {
  if (settings.length === 0) return lab;
  try {
    return new Cluster(withSettings(lab.objects(), settings));
  } catch (error) {
    if (error instanceof ObjectError) throw new SettingError(`with ${settings.join(", ")}: ${error.message}`);
    throw error;
  }
}
