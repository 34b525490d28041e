/** One line of an `ActionMenu`. */
export interface MenuItem {
  readonly id: string;
  readonly label: string;
  readonly icon: IconName;
  readonly isHarsh?: true | undefined;
  readonly run: () => void;
}
