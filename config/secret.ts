/** A text of the configuration that nobody prints by accident: as text, as JSON and in a log it is `…`. */
export type Secret = { readonly reveal: () => string; readonly toJSON: () => string };

export const secretText = (text: string): Secret => ({ reveal: () => text, toJSON: () => '…' });
